"""Sums: every question and answer is right, lengths are what was asked for, an epoch can be repeated."""

import pytest
import torch

from architectures.transformer import sums as S
from architectures.transformer import transformer as T
from utils.distributed import own_part


def drawn(count, lengths, seed=0):
    return S.draw_numbers(count, lengths, torch.Generator().manual_seed(seed))


def test_by_hand():
    pairs = torch.tensor([[73, 485], [0, 9], [999, 1]])
    for units_first, answers in ((True, ("855", "9", "0001")), (False, ("558", "9", "1000"))):
        questions, found = S.as_tokens(pairs, units_first)
        assert [S.decode(row) for row in questions] == ["73+485", "0+9", "999+1"]
        assert tuple(S.decode(row) for row in found) == answers
        assert questions.shape == (3, 6) and found.shape == (3, 5)
        assert found[1].tolist() == [12, S.EOS, S.PAD, S.PAD, S.PAD]
    assert S.as_tokens(pairs)[0][0].tolist() == [10, 6, S.PLUS, 7, 11, 8]


@pytest.mark.parametrize("lengths", [(1, 1), (1, 5), (6, 6), (12, 15)])
@pytest.mark.parametrize("units_first", [True, False])
def test_every_sum_is_right(lengths, units_first):
    pairs = drawn(300, lengths)
    questions, answers = S.as_tokens(pairs, units_first)
    for (a, b), question, answer in zip(pairs.tolist(), questions, answers):
        assert S.decode(question) == f"{a}+{b}"
        written = S.decode(answer)
        assert int(written[::-1] if units_first else written) == a + b
        assert answer.tolist().count(S.EOS) == 1 and (answer[len(written) + 1 :] == S.PAD).all()


def test_lengths_are_equally_likely():
    pairs = drawn(4000, (1, 4))
    digits = torch.tensor([[len(str(n)) for n in pair] for pair in pairs.tolist()])
    for length in range(1, 5):
        assert (digits == length).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert {n for pair in pairs.tolist() for n in pair if n < 10} == set(range(10))
    assert torch.equal(drawn(50, (2, 2)), drawn(50, (2, 2))) and not torch.equal(
        pairs[:50], drawn(4000, (1, 4), 1)[:50]
    )
    assert 10 <= drawn(500, (2, 2)).min() and drawn(500, (2, 2)).max() <= 99


def test_an_epoch_can_be_repeated(monkeypatch):
    loader = S.Sums(70, 32, (1, 4), "cpu", seed=3)
    first, second = list(loader), list(loader)
    loader.epoch = 0
    assert len(loader) == len(first) == 3 and sum(len(questions) for questions, _ in first) == 70
    for a, b, c in zip(first, loader, second):
        assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) and a[0].tolist() != c[0].tolist()
    assert loader.describe() == S.Sums(70, 32, (1, 4), "cpu", seed=3).describe()
    for change in (dict(units_first=False), dict(seed=1)):
        assert S.Sums(70, 32, (1, 4), "cpu", **change).describe() != S.Sums(70, 32, (1, 4), "cpu").describe()
    described = loader.describe()
    for name in ("draw_numbers", "digits_of", "as_tokens"):
        with monkeypatch.context() as patch:
            patch.setattr(S, name, lambda *args: None)
            assert loader.describe() != described
    monkeypatch.setattr(S, "own_part", lambda start, stop: slice(start, own_part(start, stop).stop - 2))
    loader.epoch = 0
    assert [len(questions) for questions, _ in loader] == [30, 30, 4]


def test_a_transformer_learns_a_few_sums():
    torch.manual_seed(0)
    model = T.Transformer(14, 14, d_model=32, num_heads=2, num_layers=1, d_ff=64, dropout=0.0, norm_first=True)
    questions, answers = S.as_tokens(drawn(12, (1, 2)))
    inputs = torch.cat([torch.full((12, 1), S.BOS), answers[:, :-1]], dim=1)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(120):
        logits = model(questions, inputs)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), answers.flatten(), ignore_index=S.PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = T.greedy_decode(model.eval(), questions, S.BOS, S.EOS, extra=2)
    assert [S.decode(row) for row in found] == [S.decode(row) for row in answers]
