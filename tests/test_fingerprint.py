"""utils/fingerprint.py: what changes a training changes its fingerprint, and what does not, does not."""

import enum
import functools
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from architectures.bert.bert import Bert, BertConfig
from architectures.lenet.lenet import C3_TABLE, DistanceToCodes, LeNet5, TableConv
from architectures.transformer import sums
from attention.epochs import keep_each_epoch
from utils.device import set_seed
from utils.fingerprint import describe, describe_model, describe_optimizer, describe_scheduler, fingerprint

WEIGHTS = torch.tensor([1.0, 2.0])


def of(model):
    return fingerprint(describe_model(model))


class Holder(nn.Module):
    def __init__(self, value, name="kept", persistent=True):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        if name == "buffer":
            self.register_buffer("value", value, persistent=persistent)
        else:
            self.value = value


def built(*arguments, **options):
    set_seed(0)
    return Holder(*arguments, **options)


@pytest.mark.parametrize("options", [{}, {"name": "buffer"}, {"name": "buffer", "persistent": False}])
def test_the_content_of_a_constant_counts(options):
    order, other = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 2, 1, 3])  # equal norms
    assert of(built(order, **options)) == of(built(order.clone(), **options)) != of(built(other, **options))
    assert of(built(WEIGHTS, **options)) != of(built(WEIGHTS + 1, **options))
    assert of(built(WEIGHTS, **options)) == of(built(WEIGHTS * (1 + 1e-7), **options))  # another CPU's rounding


class Colour(enum.Enum):
    RED, BLUE = 1, 2


class Settings:
    def __init__(self, scale):
        self.scale, self._found = scale, []


PAIRS = {
    "a list of functions": ([torch.relu], [torch.tanh]),
    "functions by name": ({"f": torch.relu}, {"f": torch.tanh}),
    "a list of tensors": ([WEIGHTS], [WEIGHTS + 1]),
    "a namespace": (SimpleNamespace(scale=1.0), SimpleNamespace(scale=2.0)),
    "an enum": (Colour.RED, Colour.BLUE),
    "an object": (Settings(1.0), Settings(2.0)),
    "a number": (1.0, 2.0),
}


@pytest.mark.parametrize("name", ["kept", "_kept"])
@pytest.mark.parametrize("what", PAIRS)
def test_every_attribute_of_a_module_counts(what, name):
    def model(value):
        set_seed(0)
        holder = nn.Sequential(Holder(None))
        setattr(holder[0], name, value)
        return holder

    one, other = PAIRS[what]
    assert of(model(one)) == of(model(one)) != of(model(other))


def test_what_an_object_has_found_on_its_way_does_not_count():
    settings = Settings(1.0)
    before = of(built(settings))
    settings._found.append(3)
    assert of(built(settings)) == before
    model = built(1.0)
    before = of(model)
    model.compile()  # not a change of the model
    assert of(model) == before


CONSTANT = None


@pytest.mark.parametrize("what", [what for what in PAIRS if what != "an object"])
def test_every_constant_that_an_objective_reads_counts(monkeypatch, what):
    def objective(model, batch):
        return CONSTANT

    one, other = PAIRS[what]
    monkeypatch.setitem(globals(), "CONSTANT", one)
    before = fingerprint(describe(objective))
    assert before == fingerprint(describe(objective))
    monkeypatch.setitem(globals(), "CONSTANT", other)
    assert fingerprint(describe(objective)) != before


def test_networks_in_a_list_that_a_function_reads_do_not_count(monkeypatch):
    """They would change while they learn, and the training would not be recognised."""

    def objective(model, batch):
        return CONSTANT

    nets = [nn.Linear(2, 2)]
    monkeypatch.setitem(globals(), "CONSTANT", nets)
    before = fingerprint(describe(objective))
    nets.append(nn.Linear(2, 2))
    assert fingerprint(describe(objective)) == before


def test_a_function_that_calls_itself_or_is_not_there_yet():
    def maker(factor, whole=True):
        def down(n):
            return 0 if n == 0 else factor * down(n - 1) + later()

        if whole:

            def later():
                return 1

        return down

    assert fingerprint(describe(maker(2))) == fingerprint(describe(maker(2))) != fingerprint(describe(maker(3)))
    assert fingerprint(describe(maker(2, whole=False))) != fingerprint(describe(maker(2)))


def test_fields_of_a_configuration_count():
    def bert(causal):
        set_seed(0)
        return Bert(BertConfig(40, context=8, d_model=16, num_layers=1, num_heads=2, causal=causal))

    assert of(bert(False)) == of(bert(False)) != of(bert(True))


def test_tables_and_codes_of_lenet_count():
    def lenet(table=C3_TABLE, codes=None):
        set_seed(0)
        model = LeNet5()
        start = model.c3.weight.detach().clone()
        model.c3 = TableConv(table, 6)
        model.c3.weight.data = start
        if codes is not None:
            model.output = DistanceToCodes(codes)
        return of(model)

    assert lenet() == lenet() == lenet(codes=LeNet5().output.codes.clone())
    assert lenet(tuple(tuple((m + 1) % 6 for m in row) for row in C3_TABLE)) != lenet()
    assert lenet(codes=LeNet5().output.codes.flip(0)) != lenet()


def objective(model, x, factor):
    return (WEIGHTS * model(x)).sum() * factor


def padded(x):
    return x == sums.PAD


def test_tensors_and_values_of_modules_that_a_function_uses_count(monkeypatch):
    before, of_module = describe(objective), describe(padded)
    assert before == describe(objective)
    assert describe(partial(objective, factor=WEIGHTS)) != describe(partial(objective, factor=WEIGHTS + 1))
    monkeypatch.setitem(globals(), "WEIGHTS", WEIGHTS + 1)
    monkeypatch.setattr(sums, "PAD", -5)
    assert describe(objective) != before and describe(padded) != of_module


class Still(torch.optim.SGD):
    def step(self, closure=None):
        return None


class Backwards(torch.optim.SGD):
    def step(self, closure=None):
        return -1


def test_the_source_of_an_optimiser_of_ours_counts():
    def optimizer(cls):
        return describe_optimizer(cls(nn.Linear(1, 1).parameters(), lr=0.1))

    assert optimizer(Still) == optimizer(Still)
    assert optimizer(Still)["source"] != optimizer(Backwards)["source"]
    assert set(optimizer(torch.optim.SGD)) == {"class", "groups"}


criterion = nn.CrossEntropyLoss()
BALANCE = np.array([1.0, 2.0])


def balanced(model, x, y):
    return criterion(model(x) * BALANCE, y)


@pytest.mark.parametrize(
    ("name", "other"),
    [("criterion", nn.CrossEntropyLoss(label_smoothing=0.5)), ("BALANCE", np.array([2.0, 1.0]))],
)
def test_a_loss_and_an_array_among_the_globals_count(monkeypatch, name, other):
    before = describe(balanced)
    assert before == describe(balanced)
    monkeypatch.setitem(globals(), name, other)
    assert describe(balanced) != before


def test_the_weights_of_a_teacher_in_a_closure_count():
    def distil(teacher):
        return lambda model, x: (model(x) - teacher(x)).square().mean()

    set_seed(0)
    teacher, other = nn.Linear(2, 2), nn.Linear(2, 2)
    assert describe(distil(teacher)) == describe(distil(teacher)) != describe(distil(other))


def frozen_norm(how):
    """A network whose batch norm stays in evaluation mode, in one of the ways that readers know."""
    set_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    train = model.train  # a bound method, so that the closures below hold the model

    def train_the_rest(mode=True):
        train(mode)
        model[1].eval()
        return model

    if how == "method of a layer":
        model[1].train = lambda mode=True: model[1]
    elif how == "partial as a method":
        model[1].train = partial(nn.Module.train, model[1], False)
    elif how == "method of the network":
        model.train = train_the_rest
    elif how == "hook":
        model.register_forward_pre_hook(lambda network, _: network[1].eval())
    elif how == "partial as a hook":
        model.register_forward_pre_hook(partial(lambda part, network, _: network[part].eval(), 1))
    return model


def test_replaced_methods_and_hooks_count():
    ways = ("none", "method of a layer", "partial as a method", "method of the network", "hook", "partial as a hook")
    assert [of(frozen_norm(how)) for how in ways] == [of(frozen_norm(how)) for how in ways]
    assert len({of(frozen_norm(how)) for how in ways}) == len(ways)


def test_hooks_of_the_collection_only_look_on(tmp_path):
    model, loader = nn.Linear(2, 2), SimpleNamespace(epoch=0)
    before = of(model)
    hook = keep_each_epoch(tmp_path, model, loader)
    assert model._forward_pre_hooks and of(model) == before
    hook.remove()


def test_numbers_of_numpy_and_members_of_an_enum_count():
    class Kind(enum.Enum):
        A = 1
        B = 2

    values = [np.int64(5), np.int64(7), np.float32(0.5), np.array([1, 2]), np.array([2, 1]), Kind.A, Kind.B]
    assert len({fingerprint(describe(value)) for value in values}) == len(values)
    assert describe(np.int64(5)) == describe(5)


class Rising(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self):
        return [0.1 * self.last_epoch for _ in self.base_lrs]


class Falling(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self):
        return [-0.1 * self.last_epoch for _ in self.base_lrs]


def test_schedules_of_ours_count_also_as_parts_of_others():
    def scheduler(build):
        return describe_scheduler(build(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)))

    def warm_up(factor):
        def build(optimizer):
            schedules = torch.optim.lr_scheduler
            first = schedules.LambdaLR(optimizer, lambda step: factor * step)
            return schedules.SequentialLR(optimizer, [first, schedules.ConstantLR(optimizer)], [3])

        return build

    Falling.__name__ = Rising.__name__
    assert scheduler(Rising) == scheduler(Rising) != scheduler(Falling)
    assert scheduler(warm_up(0.1)) == scheduler(warm_up(0.1)) != scheduler(warm_up(0.2))


SCALE = 2


def scaled(x):
    return SCALE * x


@functools.cache
def cached():
    return SCALE


@torch.no_grad()
def watched(x):
    return scaled(x)


@pytest.mark.parametrize("function", [lambda model, x: model(x) * cached(), lambda model, x: watched(model(x))])
def test_what_a_decorated_function_uses_counts(monkeypatch, function):
    before = describe(function)
    assert before == describe(function)
    monkeypatch.setitem(globals(), "SCALE", 3)
    assert describe(function) != before


def test_two_classes_of_one_name_in_a_model_both_count():
    def block(factor):
        class Block(nn.Module):
            def forward(self, x):
                return x if factor is None else x * factor

        return Block

    class Add(block(None)):
        def forward(self, x):
            return x + 1

    class Double(block(None)):
        def forward(self, x):
            return x * 2

    Add.__name__ = Double.__name__ = "Block"
    pairs = [nn.Sequential(first(), second()) for first, second in ((Add, Add), (Add, Double), (Double, Double))]
    assert len({of(model) for model in pairs}) == 3
