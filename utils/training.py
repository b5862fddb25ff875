"""The training loop: one epoch, one evaluation, and `fit`, which strings them together and survives interruptions."""

import math
import time

import torch
from torch.nn import functional as F

from utils import fingerprint
from utils.checkpoint import Run
from utils.device import autocast, choose_precision
from utils.progress import LINES, Progress


def classification(model, images, labels):
    """The objective of a classifier: (mean cross-entropy, number of right answers, number of answers)."""
    logits = model(images)  # (B, classes)
    return F.cross_entropy(logits, labels), (logits.argmax(dim=1) == labels).sum(), len(labels)


def train_one_epoch(model, loader, optimizer, scheduler, scaler, device, dtype, objective=classification, on_step=None):
    """One pass over `loader` with gradient steps. Returns (mean loss, accuracy) as met on the way, in training mode.

    `scheduler` (None for none) moves once a step. `dtype` is the precision of the forward pass; `scaler` a GradScaler,
    which does nothing unless that is float16. `on_step()` is called after each step.
    """
    model.train()
    totals = torch.zeros(3, device=device)  # loss, right, count: summed on the device, read once
    for batch in loader:
        with autocast(device, dtype):
            loss, right, count = objective(model, *batch)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if scheduler is not None:
            scheduler.step()
        totals += torch.stack([loss.detach().float() * count, right.float(), torch.full_like(totals[0], count)])
        if on_step is not None:
            on_step()
    loss, right, count = totals.tolist()
    return loss / count, right / count


@torch.no_grad()
def evaluate(model, loader, device, dtype=torch.float32, objective=classification):
    """(mean loss, accuracy) of `model` in evaluation mode over `loader`."""
    model.eval()
    totals = torch.zeros(3, device=device)
    for batch in loader:
        with autocast(device, dtype):
            loss, right, count = objective(model, *batch)
        totals += torch.stack([loss.float() * count, right.float(), torch.full_like(totals[0], count)])
    loss, right, count = totals.tolist()
    return loss / count, right / count


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
):
    """Train for `epochs`, evaluating after each on every loader of `evaluate_on` ({"val": loader, …}). Returns a `Run`.

    `run.history` has one entry an epoch in each list: "epoch", "train_loss", "train_accuracy", "val_loss", …,
    "learning_rate", "seconds" (of training alone), "per_second" (examples). With `checkpoint` ("ResNet/resnet20") it
    is kept after each epoch, taken up again after a break, and recognised when it is finished. An interrupt (the stop
    button) ends it with what there is. `knobs` are plain values that belong to the run's identity besides those that
    it finds out by itself; a notebook that shows the loop passes its own as `train_epoch`. At most `lines` epochs are
    printed. `score(model)` may return further numbers for the history ({"val_bleu": …}), outside the measured seconds;
    of the last `keep` epochs the weights stay in `run.kept`, to be averaged, say. A loader yields batches, and has
    `len`, `count`, `epoch` and `describe()`: see ImageLoader.
    """
    dtype, _ = choose_precision(device)
    scaler = torch.amp.GradScaler(torch.device(device).type, init_scale=2.0**12, enabled=dtype == torch.float16)
    identity = identify(model, train_loader, optimizer, scheduler, epochs, evaluate_on, objective, train_epoch, knobs)
    if score is not None or keep:
        identity["score"], identity["keep"] = fingerprint.describe(score), keep
    parts = dict(model=model.to(device), optimizer=optimizer, scheduler=scheduler, scaler=scaler)
    run = Run(checkpoint, identity, epochs, device, dtype, keep, **parts)
    run.resume()
    progress = Progress(run, train_loader, evaluate_on, lines)
    progress.replay()
    try:
        for epoch in range(len(run.history["epoch"]), epochs):
            train_loader.epoch = epoch  # the same order of the same crops, whether resumed or not
            rate, start = optimizer.param_groups[0]["lr"], time.perf_counter()
            progress.start_epoch(epoch)
            train_options = (optimizer, scheduler, scaler, device, dtype, objective, progress.step)
            results = {"train": train_epoch(model, train_loader, *train_options)}
            seconds = time.perf_counter() - start
            for split, loader in evaluate_on.items():
                results[split] = evaluate(model, loader, device, dtype, objective)
            scores = score(model) if score is not None else {}
            run.record(epoch + 1, results, rate, seconds, train_loader.count, scores)
            run.save()
            progress.end_epoch()
    except KeyboardInterrupt:
        progress.interrupted()
        if not run.history["epoch"]:  # leave one entry to the cells that follow, whatever the model can do by now
            results = {
                split: evaluate(model, loader, device, dtype, objective) for split, loader in evaluate_on.items()
            }
            scores = score(model) if score is not None else {}
            run.record(0, {"train": (math.nan, math.nan), **results}, math.nan, math.nan, 0, scores)
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
