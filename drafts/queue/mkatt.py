"""att-X.ipynb: only the cells that the trainings need."""
import nbformat, json
b = nbformat.read("/root/drafts/attention3/Attention.ipynb", 4)
src = lambda i: b.cells[i].source
def code(s): return nbformat.v4.new_code_cell(s)
need = [1, 2, 14, 22, 32, 33, 38, 42, 43, 47, 58, 61, 62, 64, 66, 67, 73, 75, 76]
def make(name, tail):
    n = nbformat.v4.new_notebook(); n.cells = [code(src(i).split("\nsrc, _ = batch")[0]) for i in need] + [code("def count_parameters(module):\n    return sum(p.numel() for p in module.parameters())\ncorpus=None")]
    n.cells += [code(src(i)) for i in (82, 84)] + [code("\n".join(l for l in src(88).splitlines() if not l.startswith(("print(f\"{count", "trained =", "translator,"))))]
    n.cells += [code("def build_recurrent():" + src(98).split("def build_recurrent():")[1].split("sizes =")[0])] + [code(t) for t in tail]
    nbformat.write(n, name)
if __name__ == "__main__":
    print(src(61)[:300]); 
    for s in (0,1,2):
        make(f"/root/queue/gru{s}.ipynb", [f'rivals = [train_real("recurrent", build_recurrent, {s}, precision="float32")]'])
        make(f"/root/queue/tra{s}.ipynb", [f'trained = [train_real("transformer", build_transformer, {s})]'])
