import sys,json; sys.path.insert(0,"/root/queue")
src=open("/root/queue/lenet_ridge2.py").read()
a=src.index('for a,b in ['); b=src.index('print(s) if')
src=src[:a]+'''for a,b in [("(1e-6, 1e-5, 1e-4, 1e-3, 1e-2)","(1e-2, 1e-3, 1e-4, 1e-5, 1e-6)"),
 ("of the setting with the lowest validation error, and that setting:","of the setting with the lowest validation error (the first of several), and it:")]:
    assert s.count(a)==1,a; s=s.replace(a,b)
'''+src[b:]
exec(src)
