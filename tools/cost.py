"""What the trainings of a notebook cost at a scale: counted, without training. `make cost` prints it as a table.

The notebook's code cells run here, on the CPU, with a `fit` in place of the real one that takes the first few
examples of the training, counts the arithmetic of one forward and backward pass on them and the operations that torch
launches, and returns a run whose history is made up, so that the cells after it go on. A `score` is asked once,
`evaluate` sees one batch, and any other loop over images that are not shuffled sees two, since scores mean nothing
here; a cell that fails with two is run again with all. Asserts are left out. Times on a GPU are calculated from these
counts, and never measured: an operation cannot be faster than its launch, nor a step than its arithmetic.
"""

import ast
import inspect
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count, sdpa_backward_flop_count, sdpa_flop_count

from tools.launch import new_shell
from tools.notebooks import locate
from tools.repository import ROOT, files
from utils import training
from utils.checkpoint import Run
from utils.device import choose_precision
from utils.fingerprint import describe, fingerprint
from utils.loader import ImageLoader
from utils.progress import in_words

GPUS = {  # FLOP/s that real steps reach in half precision, and seconds that launching one operation takes: assumptions
    "T4": (8e12, 12e-6),
    "H100": (200e12, 6e-6),
}
EXAMPLES = 4  # of a batch that are counted; arithmetic grows in proportion
PATIENCE = 300  # seconds for a cell, or since its last training: what it does besides, such as scoring, is done here


def backward_of_convolution(grad_out_shape, x_shape, w_shape, *args, **_):
    """Each of the two gradients, of the input and of the weights, takes as many operations as the forward pass.

    torch counts the weights of a grouped convolution as if there were no groups: C times too much for a depthwise one.
    """
    transposed, output_mask = args[4], args[7]
    return conv_flop_count(x_shape, w_shape, grad_out_shape, transposed) * sum(output_mask[:2])


def attention(query_shape, key_shape, value_shape, *_, **__):
    return sdpa_flop_count(query_shape, key_shape, value_shape)


def backward_of_attention(grad_out_shape, query_shape, key_shape, value_shape, *_, **__):
    return sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape)


FORMULAS = {  # what torch does not count, or not right
    torch.ops.aten.convolution_backward: backward_of_convolution,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: backward_of_attention,
}


def counter():
    """Counts operations while it is entered, in `get_total_flops()`."""
    return FlopCounterMode(display=False, custom_mapping=FORMULAS)


def cost(notebooks=(), scales=("gpu", "paper")):
    """Count the notebooks, or all that there are, and print a Markdown table. Returns 0.

    Raises ValueError where a notebook cannot be counted whole.
    """
    counts = {}
    for path in dict.fromkeys([locate(notebook) for notebook in notebooks] or files(".ipynb")):
        for scale in scales:
            trainings = counted_in_process(path, scale)
            counts[path.relative_to(ROOT).as_posix(), scale] = trainings
            print(f"{path.relative_to(ROOT)}, scale {scale}: {len(trainings)} training runs", file=sys.stderr)
    assumed = [
        f"{gpu} {rate / 1e12:.0f} TFLOP/s and {1e6 * launch:.0f} µs a launch" for gpu, (rate, launch) in GPUS.items()
    ]
    print(f"Times are calculated, not measured, and of training runs alone: {', '.join(assumed)}.\n\n{table(counts)}")
    return 0


def table(counts):
    """{(notebook, scale): trainings} as Markdown, a line for each, and one for all notebooks at scale gpu together."""
    everything = [one for (_, scale), trainings in counts.items() if scale == "gpu" for one in trainings]
    lines = [["notebook", "scale", "training runs", "PFLOP", *GPUS], ["---"] * (4 + len(GPUS))]
    for (name, scale), trainings in [*counts.items(), (("all of them", "gpu"), everything)]:
        flops = sum(one["flops"] for one in trainings)
        times = [in_words(sum(seconds(one, *speed) for one in trainings)) for speed in GPUS.values()]
        lines.append([name, scale, str(len(trainings)), f"{flops / 1e15:.2f}", *times])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def seconds(one, rate, launch):
    """The time of a training in seconds: of each step the longer of its arithmetic and its launches."""
    train = one["steps"] * max(one["step_flops"] / rate, one["step_launches"] * launch)
    evaluation = max(one["evaluation_flops"] / rate, one["evaluation_launches"] * launch)
    return train + evaluation


def counted_in_process(path, scale):
    """The trainings of a notebook, counted by a process of its own: it loads data and sets the scale.

    What its cells keep, weights and results of networks that nobody trained, goes into a folder that is then removed.
    """
    with tempfile.TemporaryDirectory() as folder:
        return counted_into(folder, path, scale)


def counted_into(folder, path, scale):
    """The same, with `folder` for what the cells keep."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "RESULTS_DIR"},
        "CHECKPOINT_DIR": folder,
        "CUDA_VISIBLE_DEVICES": "",
        "RUN_SCALE": scale,
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tools.cost", str(path)]
    result = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise ValueError(f"{path} could not be counted at scale {scale}")
    return json.loads(result.stdout.splitlines()[-1])


def count(path):
    """Run a notebook's code cells with the counting `fit`: one dictionary a training. Failures are named on stderr."""
    trainings = []
    training.fit = patient(counting(training.fit, trainings))
    training.evaluate = on_one_batch(training.evaluate)
    whole = []  # anything in it: loaders serve all that they have
    ImageLoader.__iter__ = on_two_batches(ImageLoader.__iter__, whole)
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    trains = cells_that_train(cells)
    os.chdir(path.parent)
    sys.path.insert(0, str(path.parent))
    shell = new_shell()
    signal.signal(signal.SIGALRM, out_of_time)
    for number, source in enumerate(cells, start=1):
        for whole[:] in ((), (True,)):  # a cell that cannot work with two batches gets all of them
            signal.alarm(PATIENCE)
            result = shell.run_cell(ast.unparse(WithoutAsserts().visit(ast.parse(source))))
            signal.alarm(0)
            error = result.error_before_exec or result.error_in_exec
            if error is None or isinstance(error, (TimeoutError, NameError)):
                break
        if error is not None:
            print(f"cell {number} of {path.name} ends with {error!r:.200}", file=sys.stderr)
            if number in trains:
                sys.exit(f"cell {number} of {path.name} trains: its trainings would be missing from the count")
    return trainings


class WithoutAsserts(ast.NodeTransformer):
    """Asserts judge results, and there are none here."""

    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)


def cells_that_train(sources):
    """The numbers, from 1, of the cells that name `fit`, or a function that leads to it, outside of functions."""

    def names_in(node):
        return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}

    cells, callers, before = [ast.parse(source) for source in sources], {"fit"}, None
    nodes = [node for cell in cells for node in ast.walk(cell)]
    made = [(node.name, node) for node in nodes if isinstance(node, ast.FunctionDef)]
    made += [(name, node.value) for node in nodes if isinstance(node, ast.Assign) for name in names_of_partial(node)]
    while before != callers:
        before = callers
        callers = callers | {name for name, node in made if names_in(node) & callers}
    skipped = ast.FunctionDef, ast.ClassDef
    return {
        number
        for number, cell in enumerate(cells, start=1)
        if any(names_in(node) & callers for node in cell.body if not isinstance(node, skipped))
    }


def names_of_partial(assignment):
    """The names to which an assignment gives `partial(…)` or a lambda; none of any other."""
    value = assignment.value
    partial = isinstance(value, ast.Call) and getattr(value.func, "id", getattr(value.func, "attr", "")) == "partial"
    made = partial or isinstance(value, ast.Lambda)
    return [target.id for target in assignment.targets if made and isinstance(target, ast.Name)]


def patient(fit):
    """`fit`, after which a cell may take as long again: one with a hundred trainings is no slow one."""

    def patient_fit(*args, **options):
        signal.alarm(PATIENCE)
        return fit(*args, **options)

    return patient_fit


def out_of_time(*_):
    raise TimeoutError(f"not done after {PATIENCE} s")


def on_one_batch(real_evaluate):
    """`evaluate` on the first batch of its loader alone."""

    def evaluate(model, loader, *args, **options):
        return real_evaluate(model, itertools.islice(loader, 1), *args, **options)

    return evaluate


def on_two_batches(real_iterator, whole):
    """The iterator of a loader that gives up after two batches where nothing is shuffled: it serves no training.

    With something in the list `whole` it goes on to the end.
    """

    def iterator(self):
        return itertools.islice(real_iterator(self), None if self.shuffle or whole else 2)

    return iterator


def counting(real_fit, trainings):
    """A stand-in for `fit` with the same arguments that appends what a training costs to `trainings`."""
    signature, finished, scores = inspect.signature(real_fit), [], {}

    def fit(*args, **options):
        bound = signature.bind(*args, **options)
        bound.apply_defaults()
        given = SimpleNamespace(**bound.arguments)
        identity = training.identify(
            **{name: getattr(given, name) for name in inspect.signature(training.identify).parameters}
        )
        batch = next(iter(given.train_loader))
        few = [part[:EXAMPLES] for part in batch]
        given.model.to(given.device).train()
        with counter() as whole, Launches() as launches:
            with counter() as forward:
                loss, examples, sums = given.objective(given.model, *few)
            forward_launches = launches.count
            loss.backward()
        given.model.zero_grad()
        steps = given.epochs * len(given.train_loader)
        step_flops = whole.get_total_flops() * len(batch[0]) / len(few[0])
        evaluated = given.epochs * sum(loader.count for loader in given.evaluate_on.values())
        evaluation_flops = forward.get_total_flops() * evaluated / len(few[0])
        counted = {
            "name": given.checkpoint,
            "steps": steps,
            "step_flops": step_flops,
            "step_launches": launches.count,  # the optimiser's few, for all weights together, are left out
            "evaluation_flops": evaluation_flops,
            "evaluation_launches": forward_launches * given.epochs * sum(map(len, given.evaluate_on.values())),
            "flops": steps * step_flops + evaluation_flops,
        }
        key = given.checkpoint and (given.checkpoint, fingerprint(identity), str(given.precision))
        if key is None or key not in finished:  # the real `fit` finds a finished training again
            finished.append(key)
            trainings.append(counted)
        dtype = choose_precision(given.device)[0]
        run = Run(None, identity, given.epochs, given.device, dtype, given.keep, model=given.model)
        means = {"loss": loss.item(), **{name: float(value) / float(examples) for name, value in sums.items()}}
        given.model.eval()
        score = describe(given.score)
        if given.score is not None and str(score) not in scores:  # its numbers mean nothing: any will do
            scores[str(score)] = given.score(given.model)
        for epoch in range(1, given.epochs + 1):
            results = dict.fromkeys(("train", *given.evaluate_on), means)
            run.record(epoch, results, 0.1, 1.0, given.train_loader.count, scores.get(str(score)))
        return run

    return fit


class Launches(TorchDispatchMode):
    """Counts the operations that torch runs, forward and backward, in `count`. Views launch nothing."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += "view" not in function.__name__ and "detach" not in function.__name__
        return function(*args, **(kwargs or {}))


if __name__ == "__main__":
    print(json.dumps(count(Path(sys.argv[1]).resolve())))
