"""Several processes at one training: who this process is, its part of a batch, and sums over all of them.

torchrun starts the processes and `torch.distributed` connects them; where nobody did, every function here answers for
one process that has it all.
"""

import torch


def rank_and_world():
    """(the number of this process, how many there are); (0, 1) outside a distributed run."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def own_part(start, stop):
    """This process's share of the positions from `start` to `stop`, as a slice: near equal ones, without a gap."""
    rank, world = rank_and_world()
    count = stop - start
    return slice(start + rank * count // world, start + (rank + 1) * count // world)


def sum_over_processes(tensor):
    """The sum of `tensor` over all processes, in each of them."""
    if rank_and_world()[1] > 1:
        tensor = tensor.clone()
        torch.distributed.all_reduce(tensor)
    return tensor
