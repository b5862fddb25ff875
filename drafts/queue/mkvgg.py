"""vgg100.ipynb: VGG's main run with 100 epochs (run_nb.py vgg100.ipynb /work/main/architectures/vgg cpu)."""
import nbformat
b = nbformat.read("/work/main/architectures/vgg/VGG.ipynb", 4)
n = nbformat.v4.new_notebook()
for i in (1, 2, 5, 11, 17, 19, 21, 27, 40, 41):
    s = b.cells[i].source
    if i == 40: 
        assert s.count("epochs=42, lr=0.1, batch_size=125, seeds=[0], last=80") == 1
        s = s.replace("epochs=42, lr=0.1, batch_size=125, seeds=[0], last=80", "epochs=100, lr=0.1, batch_size=125, seeds=[0], last=80")
    n.cells.append(nbformat.v4.new_code_cell(s))
nbformat.write(n, "/root/queue/vgg100.ipynb")
