import json,re,sys
for p in sys.argv[1:]:
    nb=json.load(open(p)); t="\n".join("".join(c["source"]) for c in nb["cells"] if c["cell_type"]=="markdown")
    a=len(t.split()); b=len([w for w in t.split() if re.search(r"\w",w)]); c=len([w for w in t.split() if re.search(r"[^\W\d_]",w)])
    print(p,a,b,c)
