"""resP0.ipynb, resP1.ipynb: the main run of resnet/ResNet.ipynb at scale paper, one seed each (run_nb.py NB /work/main/resnet paper)."""
import nbformat
b = nbformat.read("/work/main/resnet/ResNet.ipynb", 4)
def code(s): return nbformat.v4.new_code_cell(s)
src = lambda i: b.cells[i].source
base = [1, 2, 7, 15, 19, 23, 28, 30, 42, 44, 46]
for i in base: print(i, b.cells[i].cell_type, src(i).splitlines()[0][:80])
print(src(50))
for seed in (0, 1):
    n = nbformat.v4.new_notebook()
    n.cells = [code(src(i)) for i in base] + [code(f'knobs = {{**knobs, "seeds": ({seed},)}}'), code(src(50))]
    nbformat.write(n, f"/root/queue/resP{seed}.ipynb")
for name, rate, ck in (("plain-56", "lr", "plain-56"), ("ResNet-56", "lr", "ResNet-56"), ("plain-20", "lr", "plain-20"),
                       ("ResNet-20", "lr", "ResNet-20"), ("plain-56", "slow_lr", "plain-56-slow")):
    n = nbformat.v4.new_notebook()
    head = src(59).split("nets, runs")[0]
    n.cells = [code(src(i)) for i in base] + [code(src(57)), code(head),
        code(f'print("{name}")\ntrain_short(build_for("{name}"), f"ResNet/{ck}", lr=experiments["{rate}"])')]
    nbformat.write(n, f"/root/queue/resE-{ck}.ipynb")
n = nbformat.read("/root/queue/resE-ResNet-20.ipynb", 4)  # plain-20 by the whole recipe, as respaper.py's cell calls it
n.cells[-1].source = 'print("plain-20, the whole recipe")\ntrain(build_for("plain-20"), "ResNet/plain-20-full", warmup=0, precision="float32")'
nbformat.write(n, "/root/queue/resE-plain20-full.ipynb")
