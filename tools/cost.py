"""What the trainings of a notebook cost at a scale: counted, without training. `make cost` fills docs/cost.md.

The notebook's code cells run here, on the CPU, with a `fit` in place of the real one that takes the first few examples
of the training, counts the arithmetic of one forward and backward pass on them and the operations that torch launches,
and returns a run whose history is made up, so that the cells after it go on. Times on a GPU are calculated from these
counts, and never measured: an operation cannot be faster than its launch, nor a step than its arithmetic.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tools.launch import new_shell
from tools.notebooks import locate
from tools.repository import ROOT, files
from utils.progress import in_words

GPUS = {  # TFLOP/s that real steps reach in half precision, and seconds that launching one operation takes: assumptions
    "T4": (8e12, 12e-6),
    "H100": (200e12, 6e-6),
}
EXAMPLES = 4  # of a batch that are counted; arithmetic grows in proportion
PATIENCE = 900  # seconds for a cell: what it does besides training, such as scoring, is done here
BETWEEN = re.compile(r"(<!-- cost -->\n).*?(<!-- end of cost -->)", re.DOTALL)


def cost(notebooks=(), scales=("gpu", "paper")):
    """Count the notebooks, or all that there are: docs/cost.json keeps the counts, docs/cost.md shows them."""
    page, kept = ROOT / "docs" / "cost.md", ROOT / "docs" / "cost.json"
    counts = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for path in dict.fromkeys([locate(notebook) for notebook in notebooks] or files(".ipynb")):
        for scale in scales:
            trainings = counted_in_process(path, scale)
            counts[f"{path.relative_to(ROOT).as_posix()} {scale}"] = sums(trainings)
            print(f"{path.relative_to(ROOT)}, scale {scale}: {len(trainings)} training runs", flush=True)
    kept.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    filled = BETWEEN.sub(lambda match: match[1] + table(counts) + match[2], page.read_text(encoding="utf-8"))
    page.write_text(filled, encoding="utf-8")
    return 0


def sums(trainings):
    """The runs of a notebook, their floating-point operations, and their seconds on each of GPUS."""
    times = {gpu: sum(seconds(one, *speed) for one in trainings) for gpu, speed in GPUS.items()}
    return {"runs": len(trainings), "flops": sum(one["flops"] for one in trainings), "seconds": times}


def table(counts):
    """{"path scale": sums} as Markdown, a line for each, and one for all notebooks at scale gpu together."""
    everything = [entry for key, entry in counts.items() if key.endswith(" gpu")]
    together = {
        "runs": sum(entry["runs"] for entry in everything),
        "flops": sum(entry["flops"] for entry in everything),
        "seconds": {gpu: sum(entry["seconds"][gpu] for entry in everything) for gpu in GPUS},
    }
    rows = [(f"[{name}](../{name})", scale, entry) for (name, scale), entry in sorted_by_name(counts)]
    lines = [["notebook", "scale", "training runs", "PFLOP", *GPUS], ["---"] * (4 + len(GPUS))]
    for name, scale, entry in [*rows, ("all of them", "gpu", together)]:
        times = [in_words(entry["seconds"][gpu]) for gpu in GPUS]
        lines.append([name, scale, str(entry["runs"]), f"{entry['flops'] / 1e15:.2f}", *times])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def sorted_by_name(counts):
    return sorted((tuple(key.rsplit(" ", 1)), entry) for key, entry in counts.items())


def seconds(training, rate, launch):
    """The time of a training in seconds: of each step the longer of its arithmetic and its launches."""
    train = training["steps"] * max(training["step_flops"] / rate, training["step_launches"] * launch)
    evaluation = max(training["evaluation_flops"] / rate, training["evaluation_launches"] * launch)
    return train + evaluation


def counted_in_process(path, scale):
    """The trainings of a notebook, counted by a process of its own: it loads data and sets the scale."""
    environment = {**os.environ, "RUN_SCALE": scale, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tools.cost", str(path)]
    result = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise ValueError(f"{path} could not be counted at scale {scale}")
    return json.loads(result.stdout.splitlines()[-1])


def count(path):
    """Run a notebook's code cells with the counting `fit`: one dictionary a training. Failures are named on stderr."""
    import nbformat

    from utils import training

    trainings = []
    training.fit = counting(trainings)
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    os.chdir(path.parent)
    sys.path.insert(0, str(path.parent))
    shell = new_shell()
    signal.signal(signal.SIGALRM, out_of_time)
    for number, source in enumerate(cells, start=1):
        signal.alarm(PATIENCE)
        result = shell.run_cell(source)
        signal.alarm(0)
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, TimeoutError):
            sys.exit(f"cell {number} of {path.name} is {error}: its later trainings would be missing from the count")
        if error is not None:
            print(f"cell {number} of {path.name} ends with {error!r:.200}", file=sys.stderr)
    return trainings


def out_of_time(*_):
    raise TimeoutError(f"not done after {PATIENCE} s")


def counting(trainings):
    """A stand-in for `fit` that appends what a training costs to `trainings`."""
    from torch.utils.flop_counter import FlopCounterMode

    from utils.checkpoint import Run
    from utils.device import choose_precision
    from utils.training import classification, identify, train_one_epoch

    def fit(
        model,
        train_loader,
        optimizer,
        scheduler,
        epochs,
        device,
        evaluate_on,
        objective=classification,
        train_epoch=train_one_epoch,
        checkpoint=None,
        knobs=None,
        keep=0,
        **options,
    ):
        batch = next(iter(train_loader))
        few = [part[:EXAMPLES] for part in batch]
        launches = Launches()
        model.train()
        with FlopCounterMode(display=False) as whole, launches:
            with FlopCounterMode(display=False) as forward:
                loss, examples, sums = objective(model, *few)
            forward_launches = launches.count
            loss.backward()
        share = len(batch[0]) / len(few[0])
        evaluations = [epochs * len(loader) for loader in evaluate_on.values()]
        examples_there = [epochs * loader.count for loader in evaluate_on.values()]
        per_example = forward.get_total_flops() / len(few[0])
        trainings.append(
            {
                "name": checkpoint,
                "steps": epochs * len(train_loader),
                "step_flops": whole.get_total_flops() * share,
                "step_launches": launches.count + 4 * len(list(model.parameters())) // 10,
                "evaluation_flops": per_example * sum(examples_there),
                "evaluation_launches": forward_launches * sum(evaluations),
            }
        )
        last = trainings[-1]
        last["flops"] = last["steps"] * last["step_flops"] + last["evaluation_flops"]
        model.zero_grad()
        args = (model, train_loader, optimizer, scheduler, epochs, evaluate_on, objective, train_epoch, knobs)
        run = Run(None, identify(*args), epochs, device, choose_precision(device)[0], keep, model=model)
        means = {"loss": loss.item(), **{name: float(value) / float(examples) for name, value in sums.items()}}
        for epoch in range(1, epochs + 1):
            run.record(epoch, dict.fromkeys(("train", *evaluate_on), means), 0.1, 1.0, train_loader.count)
        return run

    return fit


def Launches():
    """A mode that counts the operations that torch runs, forward and backward, in `count`."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Mode(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if "view" not in function.__name__ and "detach" not in function.__name__:
                self.count += 1
            return function(*args, **(kwargs or {}))

    return Mode()


if __name__ == "__main__":
    print(json.dumps(count(Path(sys.argv[1]).resolve())))
