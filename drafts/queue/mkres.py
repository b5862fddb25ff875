import nbformat, copy
b = nbformat.read("/root/drafts/resnet2/ResNet.ipynb", 4)
base = [1, 2, 7, 15, 19, 23, 28, 30, 42, 44, 46, 57]
def code(s): return nbformat.v4.new_code_cell(s)
def make(name, cells):
    n = nbformat.v4.new_notebook(); n.cells = cells; nbformat.write(n, name)
src = lambda i: b.cells[i].source
B = [code(src(i)) for i in base]
c59, c62, c64 = src(59), src(62), src(64)
print(src(50)); print("=====59"); print(c59); print("=====62"); print(c62); print("=====64"); print(c64)
make("resA.ipynb", B + [code(src(50)), code('names = ["plain-20", "plain-56", "ResNet-20"]'), code(c59)])
make("resB.ipynb", B + [code('names = ["ResNet-56"]'), code(c59), code(c62.splitlines()[0]), code(c64)])
one = lambda names: [code(f"names = {names}"), code(c59)]
slow = lambda d: [code(f"""shallow, deep = experiments["depths"]
{'slow = {' + str(d) + ': f"plain-' + str(d) + ', rate {experiments[' + repr('slow_lr') + ']}"}'}"""), code("\n".join(c64.splitlines()[1:]))]
make("resA.ipynb", B + [code(src(50))] + one(["plain-56", "plain-20"]))
make("resB.ipynb", B + one(["ResNet-56"]) + slow(56) + one(["ResNet-20"]) + slow(20))
