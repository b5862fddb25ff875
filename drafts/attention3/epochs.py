"""The weights of the best epoch, by the BLEU of the validation set, a score of `fit`."""

from utils.checkpoint import load_file, save_file


def keep_each_epoch(folder, model, loader):
    """Write the weights into `folder` after each epoch: at the first forward pass of its evaluation.

    `loader` is the training's: it counts the epochs that it has begun. Returns a handle, whose `remove()` ends it.
    Where a file cannot be written, a warning says so, and the training goes on.
    """
    kept = loader.epoch

    def before_forward(*_):
        nonlocal kept
        if not model.training and loader.epoch != kept:
            kept = loader.epoch
            try:
                save_file(model.state_dict(), folder / f"{kept}.pt")
            except (OSError, RuntimeError) as error:  # torch.save answers a full disk by a RuntimeError
                print(f"WARNING: the weights of epoch {kept} could not be kept in {folder} ({error})")

    return model.register_forward_pre_hook(before_forward)


def take_best(folder, model, run):
    """Give the model the weights of the epoch with the highest validation BLEU, and say so.

    After the last epoch the files of all others are deleted. If the best epoch's is missing, a warning says that the
    model stays as it is, and nothing is deleted. A run without a finished epoch changes nothing.
    """
    epochs = run.history["epoch"]
    if not epochs:
        return
    scores = run.history["val_bleu"]
    score, best = max(zip(scores, epochs))  # of two equal ones the later
    path = folder / f"{best}.pt"
    if not path.is_file():
        print(f"WARNING: epoch {best} was the best (validation BLEU {score:.2f}), but {path} is missing:")
        print(f"the model has the weights with which the training ended ({scores[-1]:.2f} after its last epoch)")
        return
    model.load_state_dict(load_file(path))
    for other in folder.glob("*.pt") if run.finished else ():
        if other != path:
            other.unlink()
    print(
        f"validation BLEU {scores[-1]:.2f} after the last epoch; the model has the weights of epoch {best}: {score:.2f}"
    )
