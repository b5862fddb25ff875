"""Less memory for more time: activation checkpointing (Chen et al. 2016, https://arxiv.org/abs/1604.06174)."""

from torch import nn
from torch.utils.checkpoint import checkpoint


class Recomputed:
    """A module's forward pass whose inner activations are thrown away, and computed again by the backward pass."""

    def __init__(self, forward):
        self._forward = forward

    def __call__(self, *args, **kwargs):
        return checkpoint(self._forward, *args, use_reentrant=False, **kwargs)


def checkpointed(model, *names):
    """Let the modules `names` of `model` keep their inputs alone: `checkpointed(model, "encoder", "decoder")`.

    Of an nn.ModuleList or nn.Sequential each layer is one. Weights and their names stay as they are, and so do the
    results, except that the running statistics of a batch norm move twice in a training step. A step computes the
    forward pass twice: docs/scale.md has measured times. Returns `model`. Raises AttributeError for a name that it
    has not.
    """
    for name in names:
        module = model.get_submodule(name)
        for part in module if isinstance(module, (nn.ModuleList, nn.Sequential)) else [module]:
            part.forward = Recomputed(part.forward)
    return model
