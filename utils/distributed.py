"""Several processes at one training: who this process is, its part of a batch, and what the processes tell each other.

torchrun starts the processes and `join` brings them together. While `fit` runs, inside `together`, they share the work:
each loader serves its process's part of every batch, DistributedDataParallel averages the gradients. Everywhere else
each process does the whole work for itself, so that a notebook's other cells need not know of it; only the first one
writes files and prints. Where nobody called torchrun, every function here answers for one process that has it all.
docs/scale.md tells the rest.
"""

import contextlib
import datetime
import functools
import os
from typing import NamedTuple

import torch
from torch import nn

STRIDE = 1_000_003  # between the random seeds of neighbouring processes and epochs


class Place(NamedTuple):
    """Where `join` found this process: its number, of how many, on which machine, and the store that they share."""

    rank: int
    world: int
    machine: str
    store: object
    timeout: datetime.timedelta


_place, _groups = None, 0  # this process's Place, once it has joined, and how many groups it has been in
_ended = None  # the last of these groups


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


def join(timeout=600):
    """Meet the processes that torchrun started with this one; `timeout`, in seconds, holds for every later wait too.

    Each gets its own GPU, where there are any. Raises ConnectionError, which says who is missing, when the time is up,
    and ValueError where this machine has more processes than GPUs.
    """
    global _place
    rank, world, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise ValueError(
                f"process {local} of this machine has no GPU of its own, there are {torch.cuda.device_count()}: "
                "choose --nproc-per-node accordingly, or set CUDA_VISIBLE_DEVICES= to train on the CPU"
            )
        torch.cuda.set_device(local)
    limit, store = datetime.timedelta(seconds=timeout), None
    names = [f"here/{number}" for number in range(world)]
    try:
        store, rank, world = next(torch.distributed.rendezvous("env://", timeout=limit))
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # after a restart the store still has the old keys
        store = torch.distributed.PrefixStore(f"attempt {attempt}", store)
        store.set(names[rank], "")
        store.wait(names, limit)
    except RuntimeError as error:  # torch's errors of its network and of its store
        missing = [str(i) for i, name in enumerate(names) if store is not None and not store.check([name])]
        raise ConnectionError(
            f"process {rank} of {world} could not reach the others at {os.environ['MASTER_ADDR']}:"
            f"{os.environ['MASTER_PORT']} within {timeout:g} s"
            f"{', missing: ' + ', '.join(missing) if missing else ''}. Check that torchrun was started on every "
            "machine with the same --nnodes and --rdzv-endpoint, that its host and port can be reached from here "
            "(firewall, name of the host), or allow more time with --timeout."
        ) from error
    _place = Place(rank, world, os.environ.get("GROUP_RANK", "0"), store, limit)


@contextlib.contextmanager
def together():
    """Inside, the processes that joined are connected by `torch.distributed` and share the work; also a decorator.

    A group that a script has initialised by itself is used as it is. After an error nothing is cleaned up: the others
    may be waiting for this process, and its end is what tells torchrun.
    """
    global _groups, _ended
    if _place is None or torch.distributed.is_initialized():
        yield
        return
    _groups += 1
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
        store=torch.distributed.PrefixStore(f"group {_groups}", _place.store),
        rank=_place.rank,
        world_size=_place.world,
        timeout=_place.timeout,
    )
    yield
    if _place.world > 1:  # draw the same random numbers again from here on, those of the first process
        cuda = torch.cuda.is_available()
        states = from_first((torch.get_rng_state(), torch.cuda.get_rng_state() if cuda else None))
        torch.set_rng_state(states[0])
        if cuda:
            torch.cuda.set_rng_state(states[1])
    # The group of before is freed here, this one by the next: in torch 2.6 and 2.7 a gloo group freed at once may
    # wait for ever, holding Python's lock, for its own threads, which need the lock to let go of the last tensors.
    _ended = torch.distributed.group.WORLD
    torch.distributed.destroy_process_group()


def is_first():
    """Whether this is the process that writes and prints for all; it always is where it is alone."""
    return (_place.rank if _place is not None else rank_and_world()[0]) == 0


def local_rank():
    """The number of this process among those of its machine; None outside a distributed run."""
    if _place is None and rank_and_world() == (0, 1):
        return None
    return int(os.environ.get("LOCAL_RANK", 0))


def say(text):
    """Print in the first process alone."""
    if is_first():
        print(text)


def meet(what):
    """Wait until every process has come here. `what` names the occasion, the same in all of them."""
    if _place is not None:
        names = [f"{what}/{number}" for number in range(_place.world)]
        _place.store.set(names[_place.rank], "")
        _place.store.wait(names, _place.timeout)


@contextlib.contextmanager
def one_ahead(what, chosen):
    """The body runs where `chosen` is true, and in the other processes once it is through (or has failed) there.

    `what` names the occasion, the same in all of them.
    """
    if _place is None or chosen:
        try:
            yield
        finally:
            if _place is not None:
                _place.store.set(what, "")
        return
    _place.store.wait([what], _place.timeout)
    yield


def once_a_machine(function):
    """A decorator for what fetches and unpacks files: one process of a machine does, the others wait and find them."""

    @functools.wraps(function)
    def in_turn(*args, **kwargs):
        machine = _place.machine if _place is not None else "0"
        with one_ahead(f"{function.__qualname__} {args} {kwargs} on {machine}", chosen=local_rank() in (0, None)):
            return function(*args, **kwargs)

    return in_turn


def from_process(number, value):
    """The `value` that process `number` has (any object), in all processes of a group."""
    if rank_and_world()[1] == 1:
        return value
    values = [value]
    torch.distributed.broadcast_object_list(values, number)
    return values[0]


def from_first(value):
    """The `value` that the first process has (any object), in all processes of a group."""
    return from_process(0, value)


def in_parallel(model, sync_batchnorm=False):
    """`model` in DistributedDataParallel, or `model` itself where it is alone. The weights are the first process's.

    Batch normalisation takes its statistics from each process's part of a batch. With `sync_batchnorm` its layers are
    replaced by SyncBatchNorm, which takes them from the whole batch; torch has it for GPUs alone.
    """
    if rank_and_world()[1] == 1:
        return model
    device = next(model.parameters()).device
    if sync_batchnorm and device.type != "cuda":
        say(f"torch has no SyncBatchNorm on {device.type}: each process's statistics are those of its part of a batch.")
    elif sync_batchnorm:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


def same_buffers(model):
    """Give every process the first one's buffers, such as the statistics of batch normalisation."""
    if rank_and_world()[1] > 1:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)


def own_seed(seed, epoch):
    """In all processes but the first, seed torch anew, so that dropout differs; the first goes on as if it were alone.

    By epoch, so that a training that was interrupted draws the numbers of one that was not.
    """
    rank, _ = rank_and_world()
    if rank:
        torch.manual_seed((seed + STRIDE * (epoch * STRIDE + rank)) % 2**63)


def for_parts(objective, loader):
    """`objective`, also where this process's part of a batch of `loader` is empty.

    It then runs on a stand-in, worth nothing, since every process has to take as many steps as the others. The last
    process's part is never empty, so the stand-in is its first.
    """
    rank, world = rank_and_world()
    if world == 1:
        return objective
    epoch, batch = loader.epoch, None
    if rank == world - 1:
        batch = [tensor.cpu() for tensor in next(iter(loader))]
        loader.epoch = epoch
    stand_in = from_process(world - 1, batch)

    def of_part(model, *batch):
        if len(batch[0]):
            return objective(model, *batch)
        loss, count, sums = objective(model, *(spare.to(own.device) for spare, own in zip(stand_in, batch)))
        return loss, 0 * count, {name: 0 * value for name, value in sums.items()}

    return of_part


def for_whole(objective, model, batches, accumulate=1):
    """`objective` of a part of a batch as its share of the whole: averaged over the processes, which is what
    DistributedDataParallel does with gradients, its loss is the mean of the whole batch.

    With the parts' mean losses l_r and counts n_r, N = Σ n_r and W processes the whole batch's mean is Σ l_r n_r / N;
    each process has the loss l_r n_r W / N. Its count is N / W: sums and counts over the processes stay right. `model`
    is what `in_parallel` returned. Of an epoch's `batches` those that end a step of `accumulate` exchange gradients.
    """
    _, world = rank_and_world()
    if world == 1:
        return objective

    done = 0

    def of_whole(trained, *batch):
        nonlocal done
        done += 1
        with contextlib.nullcontext() if done % accumulate == 0 or done == batches else model.no_sync():
            loss, count, sums = objective(trained, *batch)
        done %= batches
        total = sum_over_processes(torch.as_tensor(count, dtype=torch.float32, device=loss.device))
        return loss * count * (world / total), total / world, sums

    return of_whole
