"""The training loop: one epoch, one evaluation, and `fit`, which strings them together and survives interruptions.

An objective is a function (model, *batch) -> (mean loss, count, sums): the loss to go down on, the number of examples
that it is the mean of, and whatever else is to be followed, as sums over those examples by name: {"accuracy": number of
right predictions}, {"kl": …, "reconstruction": …}, or {} for nothing. Divided by the count they are the epoch's means.
"""

import math
import time

import torch
from torch.nn import functional as F

from utils import fingerprint
from utils.checkpoint import Run
from utils.device import as_dtype, autocast, choose_precision, compiled_for
from utils.distributed import (
    for_parts,
    for_whole,
    from_first,
    in_parallel,
    own_seed,
    rank_and_world,
    same_buffers,
    sum_over_processes,
    together,
)
from utils.progress import LINES, Progress


def classification(model, images, labels):
    """The objective of a classifier: mean cross-entropy, the number of images, and how many of them are right."""
    logits = model(images)  # (B, classes)
    right = (logits.argmax(dim=1) == labels).sum()
    return F.cross_entropy(logits, labels), len(labels), {"accuracy": right}


def train_one_epoch(
    model,
    loader,
    optimizer,
    scheduler,
    scaler,
    device,
    dtype,
    objective=classification,
    on_step=None,
    clip=None,
    accumulate=1,
):
    """One pass over `loader` with gradient steps. Returns the epoch's means, such as {"loss": …, "accuracy": …}.

    They are met on the way, in training mode, while the model still changes. `dtype` is the precision of the forward
    pass. The gradients of `accumulate` batches make one step together, each batch weighted by its count, as one large
    batch would. `scaler`, `scheduler` and `clip` are those of `take_step`; `on_step()` is called after each batch.
    """
    model.train()
    totals, waiting = Totals(device), 0  # waiting: examples whose gradients no step has used yet
    optimizer.zero_grad()
    for number, batch in enumerate(loader, start=1):
        with autocast(device, dtype):
            loss, count, sums = objective(model, *batch)
        scaler.scale(loss if accumulate == 1 else loss * count).backward()
        waiting += count
        if number % accumulate == 0 or number == len(loader):
            take_step(optimizer, scheduler, scaler, clip, divisor=1 if accumulate == 1 else waiting)
            waiting = 0
        totals.add(loss, count, sums)
        if on_step is not None:
            on_step()
    return totals.means()


def take_step(optimizer, scheduler, scaler, clip=None, divisor=1):
    """Divide the gradients by `divisor`, shorten them to the norm `clip`, let the optimiser use and forget them.

    `scaler` is a GradScaler. It acts in float16 alone: there it has enlarged the loss, so that small gradients do not
    vanish, and skips a step whose gradients have become infinite. `scheduler` (None for none) moves with the optimiser.
    """
    if clip is not None or divisor != 1:
        scaler.unscale_(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for parameter in parameters if divisor != 1 else ():
            parameter.grad /= divisor
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
    scale = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    if scheduler is not None and scaler.get_scale() >= scale:  # it falls where the step was skipped
        scheduler.step()


class Totals:
    """Sums over an epoch, kept on the device and read once: reading a number makes a GPU wait."""

    def __init__(self, device):
        self.device, self.names, self.sums = device, None, None

    def add(self, loss, count, sums):
        """Add one batch: its mean loss, what it is the mean of, and further sums by name."""
        values = {"loss": loss.detach() * count, **sums, "count": count}
        row = [torch.as_tensor(value, device=self.device).detach().float() for value in values.values()]
        self.names = self.names or list(values)
        self.sums = torch.stack(row) if self.sums is None else self.sums + torch.stack(row)

    def means(self):
        """{"loss": …, and each of the sums: …} divided by the number of examples."""
        *sums, count = sum_over_processes(self.sums).tolist()
        return {name: value / count for name, value in zip(self.names, sums)}


@torch.no_grad()
def evaluate(model, loader, device, dtype=torch.float32, objective=classification):
    """The means of `model` in evaluation mode over `loader`, such as {"loss": …, "accuracy": …}."""
    model.eval()
    totals = Totals(device)
    for batch in loader:
        with autocast(device, dtype):
            totals.add(*objective(model, *batch))
    return totals.means()


@together()
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
    lines=LINES,
    score=None,
    keep=0,
    precision=None,
    compile=False,
    clip=None,
    accumulate=1,
    sync_batchnorm=False,
):
    """Train for `epochs`, evaluating after each on every loader of `evaluate_on` ({"val": loader, …}). Returns a `Run`.

    `run.history` has one entry an epoch in each list: "epoch"; "train_loss", "train_accuracy", "val_loss", … by the
    names that the objective gives; "learning_rate"; "seconds" (of training alone); "per_second" (examples).

    checkpoint   a name ("ResNet/resnet20"): the run is kept after each epoch, taken up again after a break, and
                 recognised when it is finished. An interrupt (the stop button) ends it with what there is.
    knobs        plain values that belong to the run's identity besides those that it finds out by itself
    train_epoch  a notebook that shows the loop passes its own
    lines        about so many epochs are printed, the first and the last among them; with 1 the last alone
    score, keep  `score(model)` may return further numbers for the history ({"val_bleu": …}), outside the measured
                 seconds; of the last `keep` epochs the weights stay in `run.kept`, to be averaged, say
    precision    "float32", "bfloat16" or "float16" for the forward pass; None takes `choose_precision`'s
    compile      True, or options for `torch.compile` ({"mode": "reduce-overhead"}): the training steps run compiled.
                 Without a compiler it says so, and they run as they are.
    clip         the largest norm of the gradients over all parameters; longer ones are shortened to it
    accumulate   so many batches make one step of the optimiser, where a large batch does not fit into memory
    sync_batchnorm  in a run of several GPUs, batch statistics of the whole batch (utils/distributed.py)

    The model ends in evaluation mode. Under torchrun the processes share the work (docs/scale.md). All of them call
    `score`; the first one's is recorded. Loaders are described in utils/loader.py. Raises ValueError for an unknown
    precision, CheckpointError where checkpoints cannot be written.
    """
    dtype = choose_precision(device)[0] if precision is None else as_dtype(precision)
    scaler = torch.amp.GradScaler(torch.device(device).type, init_scale=2.0**12, enabled=dtype == torch.float16)
    update_options = {"clip": clip} if clip is not None else {}  # a clip of 1 is one: only None is none
    update_options |= {"accumulate": accumulate} if accumulate != 1 else {}
    identity = identify(model, train_loader, optimizer, scheduler, epochs, evaluate_on, objective, train_epoch, knobs)
    if score is not None or keep:
        identity["score"], identity["keep"] = fingerprint.describe(score), keep
    if update_options:
        identity["update"] = update_options
    if precision is not None:
        identity["precision"] = str(precision).removeprefix("torch.")
    parts = dict(model=model.to(device), optimizer=optimizer, scheduler=scheduler, scaler=scaler)
    run = Run(checkpoint, identity, epochs, device, dtype, keep, **parts)
    run.resume()
    progress = Progress(run, train_loader, evaluate_on, lines)
    progress.replay()
    if run.finished:
        for loader in (train_loader, *evaluate_on.values()):
            loader.epoch = epochs  # as the training left them: cells that draw from them see the same in a rerun
        model.eval()
        return run
    parallel = in_parallel(model, sync_batchnorm)
    trained = compiled_for(device, parallel, compile) if compile else parallel  # the same weights, under plain names
    run.here["compiled"] = trained is not parallel
    evaluated = {split: (loader, for_parts(objective, loader)) for split, loader in evaluate_on.items()}
    objective = for_whole(for_parts(objective, train_loader), parallel, len(train_loader), accumulate)
    try:
        for epoch in range(len(run.history["epoch"]), epochs):
            train_loader.epoch = epoch  # the same order of the same crops, whether resumed or not
            own_seed(identity["seed"], epoch)
            rate, start = optimizer.param_groups[0]["lr"], time.perf_counter()
            progress.start_epoch(epoch)
            train_options = (optimizer, scheduler, scaler, device, dtype, objective, progress.step)
            results = {"train": train_epoch(trained, train_loader, *train_options, **update_options)}
            seconds = time.perf_counter() - start
            same_buffers(model)
            for split, (loader, objective_there) in evaluated.items():
                loader.epoch = epoch  # what it draws at random, if anything, is the same after a break too
                results[split] = evaluate(model, loader, device, dtype, objective_there)
            scores = from_first(score(model)) if score is not None else {}
            run.record(epoch + 1, results, rate, seconds, train_loader.count, scores)
            run.save()
            progress.end_epoch()
    except KeyboardInterrupt:
        progress.interrupted()
        if rank_and_world()[1] > 1:  # the others may be anywhere: together they can do no more
            raise
        if not run.history["epoch"]:  # leave one entry to the cells that follow, whatever the model can do by now
            results = {
                split: evaluate(model, loader, device, dtype, objective) for split, loader in evaluate_on.items()
            }
            scores = score(model) if score is not None else {}
            names = next(iter(results.values()), {"loss": math.nan})
            run.record(0, {"train": dict.fromkeys(names, math.nan), **results}, math.nan, math.nan, 0, scores)
    model.eval()
    return run


def identify(model, train_loader, optimizer, scheduler, epochs, evaluate_on, objective, train_epoch, knobs):
    """Everything that decides what a training does, as plain values: its fingerprint is the run's identity."""
    return {
        "model": fingerprint.describe_model(model),
        "data": train_loader.describe(),
        "evaluation": {split: loader.describe() for split, loader in evaluate_on.items()},
        "optimizer": fingerprint.describe_optimizer(optimizer),
        "scheduler": fingerprint.describe_scheduler(scheduler),
        "objective": fingerprint.describe(objective),
        "loop": fingerprint.describe(train_epoch),
        "epochs": epochs,
        "knobs": fingerprint.describe(knobs or {}),
        "seed": torch.initial_seed(),  # the last one that set_seed was given
    }
