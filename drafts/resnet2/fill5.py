f = "build_deep.py"; t = open(f).read()
def e(old, new):
    global t
    assert t.count(old) == 1, (t.count(old), old)
    t = t.replace(old, new)
def cut(start):
    global t
    assert t.count(start) == 1, (t.count(start), start)
    i = t.index(start); j = t.index("-->", i) + 3
    t = t[: i - 1] + t[j:]
e("guessing gives 10 %. TODO-NUMBERS Each network", "guessing gives 10 %. **ResNet-56 can lose most of its blocks, one at a time; a plain network cannot lose a single one.** The plain networks fall from 82.6 and 46.4 % to 11.7 and 11.8 % on average. ResNet-56 keeps 93 % of its accuracy, and 20 of its 27 blocks cost less than five points each. The expensive ones are the first five, and blocks 10 and 19, with which stages 2 and 3 begin. ResNet-20 has fewer blocks, and each matters more: it keeps 61 %. With the statistics of each batch ResNet-56 keeps 98 %, and no block costs five points, so the running averages explain most of the damage. Each network")
cut("<!-- TODO-NUMBERS, from the printed lines. If it is so: \"**ResNet-56 can lose")
open(f, "w").write(t)
