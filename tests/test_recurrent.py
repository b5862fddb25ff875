"""attention/recurrent.py: the opponent is sound, too; otherwise the comparison would not be fair."""

import pytest
import torch
from helpers import assert_causal, count
from torch import nn

from architectures.transformer.transformer import beam_search, greedy_decode
from attention.recurrent import RecurrentTranslator

PAD, BOS, EOS = 0, 1, 2


def small(seed=0, **options):
    torch.manual_seed(seed)
    return RecurrentTranslator(11, 12, **{"d_model": 16, "num_layers": 2, **options}).eval()


def tokens(batch, length, vocab=11, seed=0):
    return torch.randint(3, vocab, (batch, length), generator=torch.Generator().manual_seed(seed))


def test_shapes_and_count():
    model = small()
    assert model(tokens(2, 5), tokens(2, 7)).shape == (2, 7, 12)
    gru = nn.GRU(16, 8, 2, bidirectional=True), nn.GRU(16, 16, 2)
    own = 11 * 16 + 12 * 16 + 16 * 16 + 32 * 16
    assert count(model) == own + sum(map(count, gru))


def test_a_token_changes_nothing_before_it():
    assert_causal(small(), tokens(2, 5), tokens(2, 6, 12), words=9)


def test_padding_changes_nothing():
    model, src, tgt = small(), tokens(2, 5), tokens(2, 4, 12)
    more = torch.zeros(2, 3, dtype=torch.long)
    with torch.no_grad():
        torch.testing.assert_close(model(torch.cat([src, more], 1), tgt), model(src, tgt))
    assert model(torch.zeros(1, 3, dtype=torch.long), tgt[:1]).isfinite().all()


def test_step_by_step_is_all_at_once():
    model, src, tgt = small(), tokens(2, 5), tokens(2, 6, 12)
    with torch.no_grad():
        memory, mask = model.encode(src)
        cache = model.new_cache()
        steps = [model.decode(tgt[:, t : t + 1], memory, mask, cache) for t in range(6)]
        torch.testing.assert_close(torch.cat(steps, 1), model.decode(tgt, memory, mask))


def test_it_decodes_as_the_transformer_does():
    gains = []
    for seed in range(20):
        model, src = small(seed), tokens(3, 5, seed=seed)
        nn.init.normal_(model.output.weight)
        with_cache = greedy_decode(model, src, BOS, EOS, extra=6)
        assert torch.equal(with_cache, greedy_decode(model, src, BOS, EOS, extra=6, use_cache=False))
        assert torch.equal(with_cache, beam_search(model, src, BOS, EOS, beam=1, extra=6)[0])
        one, four = (beam_search(model, src, BOS, EOS, beam=beam, extra=6)[1].mean() for beam in (1, 4))
        gains.append((four - one).item())
    assert sum(gains) > 0


def test_one_batch_is_learnt_by_heart():
    model, src, tgt = small(dropout=0.0), tokens(4, 5), tokens(4, 5, 12)
    starts = torch.full((4, 1), BOS)
    optimizer = torch.optim.Adam(model.train().parameters(), lr=0.01)
    for _ in range(150):
        loss = nn.functional.cross_entropy(model(src, torch.cat([starts, tgt[:, :-1]], 1)).flatten(0, 1), tgt.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_bad_size():
    with pytest.raises(ValueError, match="d_model is 15"):
        small(d_model=15)
