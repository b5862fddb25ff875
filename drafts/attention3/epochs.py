"""The weights of the best epoch, by the BLEU of the validation set, a score of `fit`."""

from utils.checkpoint import load_file, save_file


def keep_each_epoch(folder, model, loader):
    """Write the weights into `folder` after each epoch: at the first forward pass of its evaluation.

    `loader` is the training's: it counts the epochs that it has begun. Returns a handle, whose `remove()` ends it.
    """
    kept = loader.epoch

    def before_forward(*_):
        nonlocal kept
        if not model.training and loader.epoch != kept:
            kept = loader.epoch
            save_file(model.state_dict(), folder / f"{kept}.pt")

    return model.register_forward_pre_hook(before_forward)


def take_best(folder, model, run):
    """Give the model the weights of the epoch with the highest validation BLEU, and delete those of the others."""
    scores, epochs = run.history["val_bleu"], run.history["epoch"]
    best = max(zip(scores, epochs))[1]  # of two equal ones the later
    if (folder / f"{best}.pt").is_file():
        model.load_state_dict(load_file(folder / f"{best}.pt"))
    else:
        best = epochs[-1]
    for path in folder.glob("*.pt") if run.finished else ():
        if path.stem != str(best):
            path.unlink()
    print(
        f"validation BLEU {scores[-1]:.2f} after the last epoch; the model has the weights of epoch {best}:",
        f"{scores[epochs.index(best)]:.2f}",
    )
