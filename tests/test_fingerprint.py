"""utils/fingerprint.py: what changes a training changes its fingerprint, and what does not, does not."""

from functools import partial

import pytest
import torch
from torch import nn

from architectures.bert.bert import Bert, BertConfig
from architectures.lenet.lenet import C3_TABLE, DistanceToCodes, LeNet5, TableConv
from architectures.transformer import sums
from utils.device import set_seed
from utils.fingerprint import describe, describe_model, describe_optimizer, fingerprint

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
