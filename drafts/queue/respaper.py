"""respaper.py NB: the code of resnet/ResNet.ipynb for its execution at scale paper (cells 43, 44, 50, 52, 54, new cells after 66,
85), written into NB in place. Text that depends on the results is not touched. The frozen parts (train, make_schedule) stay."""
import json, sys
P = sys.argv[1]
raw = open(P).read(); nb = json.loads(raw); C = nb["cells"]
src = lambda c: "".join(c["source"]); lines = lambda s: s.splitlines(keepends=True)
def sub(i, *pairs):
    s = src(C[i])
    for old, new in pairs:
        assert s.count(old) == 1, (i, s.count(old), old)
        s = s.replace(old, new)
    C[i]["source"] = lines(s)
sub(44, ("# of those after it; slow_lr: the learning rate of the control", "# after it; slow_lr: the control's rate; full: networks that get the whole recipe of the main run"),
    ("depths=(8, 14)),", 'depths=(8, 14), full=("plain-8",)),'),
    ("dict(epochs=8, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56)),", "dict(epochs=8, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56), full=()),"),
    ("dict(epochs=12, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56)),", "dict(epochs=12, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56), full=()),"),
    ("dict(epochs=30, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56)),", 'dict(epochs=30, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56), full=("plain-20",)),'))
sub(50, ("model, run = trained[0]", 'model, run = max(trained, key=lambda one: one[1].history["val_accuracy"][-1:])  # the best seed on validation images'))
C[52]["source"] = lines('''plot_histories({f"ResNet-20, seed {seed}": one for seed, (_, one) in zip(knobs["seeds"], trained)}, data.name)
for seed, (_, one) in zip(knobs["seeds"], trained):
    val = [100 * accuracy for accuracy in one.history["val_accuracy"]]
    drop = max([0, *(before - after for before, after in zip(val, val[1:]))])
    print(f"seed {seed}, validation accuracy: largest drop between two epochs {drop:.1f} points,",
          f"last ten epochs {min(val[-10:]):.2f} to {max(val[-10:]):.2f} %, at the end {val[-1]:.2f} %")''')
s = src(C[54])
a = s.index("scores = ["); b = s.index("real = data.name")
C[54]["source"] = lines(s[:a] + '''scores = [evaluate(net, test_loader, device) for net, _ in trained]

def training_error(net):
    """Error (%) on the training images as they are: in evaluation mode, not augmented."""
    return 100 * (1 - evaluate(net, ImageLoader(data, "train", 500, device), device)["accuracy"])

for (net, one), score in zip(trained, scores):
    print(f"seed {one.identity['seed']}, test: loss {score['loss']:.3f}, accuracy {100 * score['accuracy']:.2f} %;",
          f"error on the training images, not augmented: {training_error(net):.2f} %")
    if net is model:
        test_accuracy = score["accuracy"]

''' + s[b:])
at = next(i for i, c in enumerate(C) if "long_name =" in src(c)); sub(at, ('long_name = "ResNet-20 of the main run"', 'long_name = "main ResNet-20"'))
# the whole recipe
FULL = '''full = {"ResNet-20": trained}
for name in experiments["full"]:
    print(name)
    warmup = 400 if name == "ResNet-110" else 0
    full[name] = [train(build_for(name), f"ResNet/{name}-full", warmup=warmup, precision="float32")]
if len(full) == 1:
    print(f'no further network at scale {scale}: write names such as "plain-20" into the list `full` of EXPERIMENTS')'''
SHOW = '''curves, rows = {}, []
for name, found in full.items() if len(full) > 1 else ():
    on_training = [(training_error(net), one) for net, one in found]
    on_test = [(100 * (1 - evaluate(net, test_loader, device)["accuracy"]), one) for net, one in found]
    for (a, one), (b, _) in zip(on_training, on_test):
        print(f"{name}, seed {one.identity['seed']}: training error {a:.2f} %, test error {b:.2f} %")
        curves[f"{name}, seed {one.identity['seed']}"] = errors(one, "train")
    rows += [dict(what=f"{name}: {split}", paper=None, reproduction=None, runs=values)
             for split, values in (("training", on_training), ("test", on_test))]
if curves:
    plot_curves({"": curves}, "epoch", "training error (%)", f"The whole recipe, {data.name}", log=True)
    table = report("ResNet", "error (%)", data.name, split_name, None, rows, table="whole-recipe")
table if curves else None'''
def cell(kind, text, id):
    c = {"cell_type": kind, "id": id, "metadata": {}, "source": lines(text)}
    return {**c, "execution_count": None, "outputs": []} if kind == "code" else c
first, second = src(C[66]).split("### Does more depth lower the error?")
C[66]["source"] = lines(first + '''### With the whole recipe

The four trainings above are short. So some networks get all of the main run's recipe as well, seed 0 alone, in float32. Their names stand in the list `full`: at scale `paper` plain-20, the counterpart of our ResNet-20. With a GPU you can lengthen it, by "ResNet-32", "ResNet-56", "plain-56" and others; "ResNet-110" begins with the paper's warm-up.''')
depth = cell("markdown", "### Does more depth lower the error?" + second, "5d0e7a12")
C[67:67] = [cell("code", FULL, "5d0e7a10"), cell("code", SHOW, "5d0e7a11"), depth]
at = next(i for i, c in enumerate(C) if "def accuracy_without" in src(c)); print("cell with accuracy_without:", at)
sub(at, ('adapted = {f"{name}, batch statistics": with_batch_statistics(nets[name]) for name in (f"ResNet-{deep}", *plain)}',
         'adapted = {f"{name}, batch statistics": with_batch_statistics(net) for name, net in {**residual, **plain}.items()}'),
    ('print(f"{\'\':27} ', 'print(f"{\'\':32} '), ('print(f"{name:27} ', 'print(f"{name:32} '),
    ('panels = {"one block dropped": {name: by_position(values) for name, values in accuracies.items()}}',
     'panels = {"one block dropped": list(residual) + list(plain), "with the statistics of each batch": list(adapted)}\n'
     'panels = {title: {name.split(",")[0]: by_position(accuracies[name]) for name in names}\n'
     '          for title, names in panels.items()}'))
open(P, "w").write(json.dumps(nb, indent=1, ensure_ascii=False) + ("\n" if raw.endswith("\n") else ""))
