"""architectures/transformer: counts, torch's outputs, masks, causality, and decoding against brute force."""

import itertools
import math

import pytest
import torch
from helpers import assert_causal, count, on_meta, ran
from torch import nn

from architectures.transformer import transformer as T

PAD, BOS, EOS = 0, 1, 2


def stacks(model):
    return count(model.encoder) + count(model.decoder)


def small(vocab=11, seed=0, **options):
    torch.manual_seed(seed)
    sizes = dict(d_model=16, num_heads=4, num_layers=2, d_ff=32, dropout=0.1, share="none")
    return T.Transformer(vocab, vocab, **{**sizes, **options}).eval()


def sentences(*lengths, vocab=11, seed=0):
    """(B, longest) tokens from 3 up, padded at the end."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, vocab, (len(lengths), max(lengths)), generator=generator)
    for row, length in enumerate(lengths):
        tokens[row, length:] = PAD
    return tokens


def copy_attention(ours, theirs):
    with torch.no_grad():
        for module, weight, bias in zip(
            (ours.w_q, ours.w_k, ours.w_v), theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3)
        ):
            module.weight.copy_(weight)
            module.bias.copy_(bias)
    ours.w_o.load_state_dict(theirs.out_proj.state_dict())


def copy_stacks(ours, theirs):
    """torch.nn.Transformer's layers into our encoder and decoder."""
    for mine, layer in zip(ours.encoder, theirs.encoder.layers):
        copy_attention(mine.attention, layer.self_attn)
    for mine, layer in zip(ours.decoder, theirs.decoder.layers):
        copy_attention(mine.self_attention, layer.self_attn)
        copy_attention(mine.cross_attention, layer.multihead_attn)
        mine.norm3.load_state_dict(layer.norm3.state_dict())
    for mine, layer in zip([*ours.encoder, *ours.decoder], [*theirs.encoder.layers, *theirs.decoder.layers]):
        mine.feed_forward.w_1.load_state_dict(layer.linear1.state_dict())
        mine.feed_forward.w_2.load_state_dict(layer.linear2.state_dict())
        mine.norm1.load_state_dict(layer.norm1.state_dict())
        mine.norm2.load_state_dict(layer.norm2.state_dict())


def stir(module):
    """Biases and norms away from 0 and 1, which would hide a swap."""
    for parameter in module.parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, 0.5, 1.5)


@pytest.mark.parametrize(
    ("build", "layers", "everything", "without_bias"),
    [(T.transformer_base, 44_138_496, 63_082_496, 44_056_576), (T.transformer_big, 176_357_376, 214_245_376, None)],
)
def test_counts_of_the_paper(build, layers, everything, without_bias):
    model = on_meta(build)
    assert stacks(model) == layers and count(model) == everything
    if without_bias:  # torch's own count of a base model has 4 * 512 more for two final norms
        assert stacks(on_meta(build, bias=False)) == without_bias - 2 * 512


@pytest.mark.parametrize(
    ("d_model", "heads", "d_ff", "encoder", "decoder"),
    [
        (512, 8, 2048, 3_152_384, 4_204_032),
        (1024, 16, 4096, 12_596_224, 16_796_672),
    ],
)
def test_counts_of_a_layer(d_model, heads, d_ff, encoder, decoder):
    assert count(on_meta(T.EncoderLayer, d_model, heads, d_ff)) == encoder
    assert count(on_meta(T.DecoderLayer, d_model, heads, d_ff)) == decoder


def test_counts_of_shared_and_separate_matrices():
    assert count(on_meta(T.transformer_base, share="none")) == 101_007_496
    assert count(on_meta(T.transformer_base, share="target")) == 44_138_496 + 2 * 37_000 * 512
    model = T.Transformer(20, 20, d_model=8, num_heads=2, num_layers=1, d_ff=8)
    assert model.output.weight is model.tgt_embedding.weight is model.src_embedding.weight
    assert model.src_embedding.weight.std().item() == pytest.approx(8**-0.5, rel=0.2)
    # bentrevett's model on Multi30k: learned positions of 100, vocabularies of 7,853 and 5,893
    sizes = dict(d_model=256, num_heads=8, num_layers=3, d_ff=512, positions="learned", max_len=100, share="none")
    assert count(on_meta(T.Transformer, 7_853, 5_893, **sizes)) == 9_038_341


def test_attention_by_hand():
    query, key = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[2.0, 0.0], [0.0, 3.0]]]])
    value = torch.tensor([[[[10.0, 0.0], [0.0, 10.0]]]])
    out, weights = T.scaled_dot_product_attention(query, key, value)
    first = math.exp(2 / math.sqrt(2)) / (math.exp(2 / math.sqrt(2)) + 1)
    torch.testing.assert_close(weights.flatten(), torch.tensor([first, 1 - first]))
    torch.testing.assert_close(out.flatten(), 10 * torch.tensor([first, 1 - first]))


@pytest.mark.parametrize("shape", [None, (2, 1, 1, 7), (5, 7), (2, 1, 5, 7), (2, 3, 5, 7)])
def test_fused_attention_is_the_same(shape):
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 3, 5, 4), torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 6)
    mask = None if shape is None else torch.rand(shape) < 0.5
    results, gradients = [], []
    for fused in (False, True):
        leaf = query.clone().requires_grad_()
        out, weights = T.scaled_dot_product_attention(leaf, key, value, mask, fused=fused)
        out.square().sum().backward()
        results.append(out)
        gradients.append(leaf.grad)
        assert (weights is None) == fused
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("fused", [False, True])
def test_nowhere_to_look_gives_zeros_not_nan(fused):
    query = torch.randn(2, 1, 3, 4, requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, False, False]])[:, None, None, :]
    out, _ = T.scaled_dot_product_attention(query, query, query, mask, fused=fused)
    assert out[1].abs().sum() == 0 and out.isfinite().all()
    out.sum().backward()
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("fused", [False, True])
def test_dropout_acts_on_the_weights_while_training(fused):
    attention, x = T.MultiHeadAttention(8, 2, dropout=0.5, fused=fused), torch.randn(2, 5, 8)
    for mask in (None, torch.ones(5, 5, dtype=torch.bool).tril()):
        assert torch.equal(attention.eval()(x, x, x, mask), attention(x, x, x, mask))
        assert not torch.equal(attention.train()(x, x, x, mask), attention(x, x, x, mask))


@pytest.mark.parametrize("fused", [False, True])
def test_multi_head_attention_equals_torchs(fused):
    torch.manual_seed(0)
    theirs, ours = (
        nn.MultiheadAttention(16, 4, batch_first=True).eval(),
        T.MultiHeadAttention(16, 4, fused=fused).eval(),
    )
    stir(theirs)
    copy_attention(ours, theirs)
    query, memory = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    padding = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])  # torch: True means "may not attend"
    expected, weights = theirs(query, memory, memory, key_padding_mask=padding, average_attn_weights=False)
    mask = ~padding[:, None, None, :]
    torch.testing.assert_close(ours(query, memory, memory, mask), expected)
    ours.keep_weights = True
    torch.testing.assert_close(ours(query, memory, memory, mask), expected)
    torch.testing.assert_close(ours.weights, weights)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_stacks_equal_torchs_transformer(norm_first, fused):
    """With the norm after, torch's has two final norms that the paper has not; with the norm before, all is alike."""
    torch.manual_seed(0)
    theirs = nn.Transformer(16, 4, 2, 2, 32, batch_first=True, norm_first=norm_first).eval()
    stir(theirs)
    if not norm_first:
        theirs.encoder.norm = theirs.decoder.norm = None
    ours = small(norm_first=norm_first, fused=fused)
    copy_stacks(ours, theirs)
    if norm_first:
        ours.encoder_norm.load_state_dict(theirs.encoder.norm.state_dict())
        ours.decoder_norm.load_state_dict(theirs.decoder.norm.state_dict())
    src, tgt = sentences(7, 4), sentences(6, 3, seed=1)
    memory, memory_mask = ours.encode(src)
    out = ours.decode(tgt, memory, memory_mask)
    x, y = (
        positions(embedding(tokens) * 4)
        for positions, embedding, tokens in (
            (ours.src_positions, ours.src_embedding, src),
            (ours.tgt_positions, ours.tgt_embedding, tgt),
        )
    )
    causal = torch.ones(6, 6, dtype=torch.bool).triu(1)
    padding = src == PAD
    expected = theirs(x, y, tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", None])
def test_a_token_changes_nothing_before_it(norm_first, positions):
    assert_causal(small(norm_first=norm_first, positions=positions), sentences(5, 5), sentences(8, 8, seed=1), words=8)


@pytest.mark.parametrize("fused", [False, True])
def test_padding_changes_nothing(fused):
    model = small(fused=fused)
    src, tgt = sentences(5), sentences(4, seed=1)
    more = torch.zeros(1, 3, dtype=torch.long)
    with torch.no_grad():
        expected = model(src, tgt)
        torch.testing.assert_close(model(torch.cat([src, more], 1), tgt), expected)
        torch.testing.assert_close(model(src, torch.cat([tgt, more], 1))[:, :4], expected)
        both = model(torch.cat([torch.cat([src, more], 1), sentences(8, seed=2)]), tgt.expand(2, -1))
        torch.testing.assert_close(both[:1], expected)


def test_a_source_of_padding_alone_gives_numbers():
    model = small()
    assert model(torch.zeros(2, 4, dtype=torch.long), sentences(3, 3)).isfinite().all()


def test_sinusoids():
    table = T.sinusoids(50, 6)
    assert torch.equal(table[0], torch.tensor([0.0, 1, 0, 1, 0, 1]))
    assert table[7, 2].item() == pytest.approx(math.sin(7 / 10_000 ** (2 / 6)))
    assert table[7, 3].item() == pytest.approx(math.cos(7 / 10_000 ** (2 / 6)))
    assert T.sinusoids(5, 3).shape == (5, 3)
    layer = T.SinusoidalPositions(6, max_len=4)
    x = torch.zeros(1, 9, 6)
    torch.testing.assert_close(layer(x)[0], table[:9])
    torch.testing.assert_close(layer(x, start=30)[0], table[30:39])
    assert count(layer) == 0 and not layer.state_dict()


def test_without_positions_the_encoder_is_a_bag_of_words():
    order = torch.tensor([3, 0, 2, 4, 1])
    src = sentences(5)
    for positions, same in ((None, True), ("sinusoidal", False)):
        model = small(positions=positions)
        with torch.no_grad():
            memory, shuffled = model.encode(src)[0], model.encode(src[:, order])[0]
        assert torch.allclose(memory[:, order], shuffled, atol=1e-5) == same


def test_one_batch_is_learnt_by_heart():
    torch.manual_seed(0)
    model = T.Transformer(20, 20, d_model=32, num_heads=4, num_layers=2, d_ff=64, dropout=0.0)
    src, tgt = sentences(6, 4, 5, vocab=20), sentences(5, 5, 5, vocab=20, seed=1)
    starts = torch.full((3, 1), BOS)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(100):
        loss = nn.functional.cross_entropy(model(src, torch.cat([starts, tgt[:, :-1]], 1)).flatten(0, 1), tgt.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert torch.equal(T.greedy_decode(model.eval(), src, BOS, EOS, extra=5)[:, :5], tgt)


def test_noam_rate():
    rates = [T.noam_rate(step) for step in range(1, 10_001)]
    assert max(rates) == rates[3999] == pytest.approx(6.988e-4, rel=1e-3)
    assert T.noam_rate(4000, d_model=1024) == pytest.approx(4.941e-4, rel=1e-3)
    assert rates[999] == pytest.approx(rates[3999] / 4) and rates[9999] == pytest.approx(rates[3999] * 0.4**0.5)


# decoding


def confident(vocab=11, seed=0, **options):
    """A random model whose answers differ enough to be told apart."""
    model = small(vocab, seed, **options)
    nn.init.normal_(model.output.weight, std=1.0)
    return model


def score(model, src, answer, alpha):
    """The score of one answer (a list of tokens) by the model's full forward pass."""
    inputs = torch.tensor([[BOS, *answer[:-1]]])
    log_p = model(src, inputs).log_softmax(-1)[0, range(len(answer)), answer].sum().item()
    return log_p / ((5 + len(answer)) / 6) ** alpha


def as_lists(tokens):
    """Each row up to its `eos`, or to its padding."""
    return [
        [*itertools.takewhile(lambda t: t not in (EOS, PAD), row), *([EOS] if EOS in row else [])] for row in tokens
    ]


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_the_cache_gives_what_the_full_forward_gives(norm_first, positions):
    model = small(norm_first=norm_first, positions=positions)
    src, tgt = sentences(6, 3), sentences(7, 7, seed=1)
    with torch.no_grad():
        memory, mask = model.encode(src)
        expected, cache = model.decode(tgt, memory, mask), model.new_cache()
        steps = [model.decode(part, memory, mask, cache) for part in (tgt[:, :1], tgt[:, 1:2], tgt[:, 2:6], tgt[:, 6:])]
    torch.testing.assert_close(torch.cat(steps, dim=1), expected)
    src = sentences(6, 3, 5)
    with_cache = T.greedy_decode(confident(), src, BOS, EOS, extra=10)
    assert torch.equal(with_cache, T.greedy_decode(confident(), src, BOS, EOS, extra=10, use_cache=False))


def test_greedy_takes_the_likeliest_and_stops_where_it_should():
    model, src = confident(), sentences(6, 2, 4)
    answers = T.greedy_decode(model, src, BOS, EOS, extra=3)
    assert answers.shape[1] <= 9
    for row, (tokens, length) in enumerate(zip(as_lists(answers.tolist()), (6, 2, 4))):
        assert len(tokens) <= length + 3 and (tokens[-1] == EOS or len(tokens) == length + 3)
        inputs = torch.tensor([[BOS, *tokens[:-1]]])
        with torch.no_grad():
            assert model(src[row : row + 1, :length], inputs).argmax(-1)[0].tolist() == tokens


@pytest.mark.parametrize("seed", range(5))
def test_beam_of_one_is_greedy(seed):
    model, src = confident(seed=seed), sentences(6, 2, 4, seed=seed)
    answers, scores = T.beam_search(model, src, BOS, EOS, beam=1, extra=4)
    assert torch.equal(answers, T.greedy_decode(model, src, BOS, EOS, extra=4))
    for row, tokens in enumerate(as_lists(answers.tolist())):
        with torch.no_grad():
            assert scores[row].item() == pytest.approx(score(model, src[row : row + 1], tokens, 0.6), rel=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_as_wide_as_the_search_is_exhaustive(alpha, seed):
    vocab, longest = 4, 4  # PAD, BOS, EOS and one word may all be said
    model, src = confident(vocab, seed), torch.tensor([[3, 3]])
    words = [t for t in range(vocab) if t != EOS]
    candidates = [[*body, EOS] for n in range(longest) for body in itertools.product(words, repeat=n)]
    candidates += [list(body) for body in itertools.product(words, repeat=longest)]
    with torch.no_grad():
        scores = [score(model, src, answer, alpha) for answer in candidates]
        answers, best = T.beam_search(model, src, BOS, EOS, beam=vocab**longest, alpha=alpha, extra=longest - 2)
    assert best.item() == pytest.approx(max(scores), rel=1e-4)
    winner = candidates[scores.index(max(scores))]
    assert answers[0, : len(winner)].tolist() == winner


def test_a_wider_beam_is_better_on_average():
    gains = []
    for seed in range(40):
        model, src = confident(seed=seed), sentences(6, 4, seed=seed)
        wide, narrow = (T.beam_search(model, src, BOS, EOS, beam=beam, extra=4)[1] for beam in (4, 1))
        gains.append((wide - narrow).mean().item())
    assert sum(gains) > 0


def test_sentences_of_a_batch_do_not_meet():
    model, src = confident(), sentences(6, 2, 4)
    together, scores = T.beam_search(model, src, BOS, EOS, extra=4)
    for row, length in enumerate((6, 2, 4)):
        alone, score_alone = T.beam_search(model, src[row : row + 1, :length], BOS, EOS, extra=4)
        assert as_lists(alone.tolist())[0] == as_lists(together.tolist())[row]
        assert score_alone.item() == pytest.approx(scores[row].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        (lambda: T.MultiHeadAttention(10, 3), "d_model 10 cannot be split into num_heads 3"),
        (lambda: T.Transformer(5, 6), "vocabularies of 5 and 6"),
        (lambda: small(positions="random"), "positions is 'random'"),
        (lambda: small(share="some"), "share is 'some'"),
        (lambda: small()(torch.zeros(2, 0, dtype=torch.long), sentences(2, 2)), r"src has shape \(2, 0\)"),
        (lambda: small()(sentences(2, 2), torch.zeros(2, 0, dtype=torch.long)), r"tgt has shape \(2, 0\)"),
        (lambda: small(positions="learned", max_len=4)(sentences(5), sentences(2)), "5 tokens; .* max_len = 4"),
        (lambda: T.greedy_decode(small().train(), sentences(2), BOS, EOS), "training mode"),
        (lambda: T.beam_search(small(), sentences(2), BOS, EOS, beam=0), "beam is 0"),
    ],
)
def test_bad_input(problem, what):
    with pytest.raises(ValueError, match=what):
        problem()


def test_dropout_acts_on_embeddings_and_in_every_sublayer():
    sizes = dict(d_model=16, num_heads=4, num_layers=2, d_ff=32, share="none")
    tokens = torch.randint(3, 11, (1, 5))
    assert ran(T.Transformer(11, 11, **sizes), tokens, tokens)["Dropout"] == 2 + 2 * 3 + 2 * 4  # as in section 5.4
    for build, p in ((T.transformer_base, 0.1), (T.transformer_big, 0.3)):  # Table 3
        parts = list(on_meta(build, num_layers=1).modules())
        assert {part.p for part in parts if isinstance(part, nn.Dropout)} == {p}
        assert {part.dropout for part in parts if isinstance(part, T.MultiHeadAttention)} == {p}


@pytest.mark.parametrize("fused", [False, True])
def test_without_the_scale_scores_are_the_root_of_d_k_larger(fused):
    torch.manual_seed(0)
    scaled, plain = (T.MultiHeadAttention(8, 2, fused=fused, scaled=scaled) for scaled in (True, False))
    x = torch.randn(2, 5, 8)
    plain.load_state_dict(scaled.state_dict())
    with torch.no_grad():
        for parameter in scaled.w_q.parameters():
            parameter.mul_(2)  # √d_k
        torch.testing.assert_close(plain(x, x, x), scaled(x, x, x))
