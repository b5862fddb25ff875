"""BERT: counts, transformers' hidden states and losses, padding, corruption, weights in and out; reviews in pairs."""

import functools
import math

import pytest
import torch
import transformers
from helpers import assert_processes_share, count, on_meta, ran, stirred
from torch import nn
from torch.nn import functional as F

from architectures.bert import published, reviews
from architectures.bert.baselines import BagOfWords, Overlap, Trigrams
from architectures.bert.bert import (
    IGNORED,
    Bert,
    BertConfig,
    BertForPreTraining,
    BertForSequenceClassification,
    corrupt,
    from_huggingface,
    pretraining_losses,
    to_huggingface,
)
from architectures.bert.reviews import LabelledWindows, TextPairs, all_windows, load_reviews, load_toy_reviews
from architectures.bert.wordpiece import SPECIALS, WordPiece
from utils.files import data_root

SMALL = dict(vocab_size=31, context=12, d_model=16, num_layers=2, num_heads=2, d_ff=24, dropout=0.0)
KINDS = {
    "BertModel": Bert,
    "BertForMaskedLM": BertForPreTraining,
    "BertForPreTraining": BertForPreTraining,
    "BertForSequenceClassification": BertForSequenceClassification,
}


def loud(model):
    """The model with random weights large enough that every token counts."""
    for parameter in stirred(model).parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.3)
    return model.eval()


def small(kind=Bert, *args, **changes):
    torch.manual_seed(0)
    return loud(kind(BertConfig(**{**SMALL, **changes}), *args))


def some_batch(B=3, T=12, vocabulary=31):
    """Tokens, segments and a mask: the texts have T, T - 3, T - 6 … tokens."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(vocabulary, (B, T), generator=generator)
    lengths = T - 3 * torch.arange(B)[:, None]
    segments = (torch.arange(T) >= lengths // 2).long() * (torch.arange(T) < lengths)
    return tokens, segments, torch.arange(T) < lengths


@pytest.mark.parametrize(
    ("name", "encoder", "bare", "masked_words", "pre_training", "classifier"),
    [
        ("base-uncased", 109_482_240, 108_891_648, 109_514_298, 110_106_428, 109_483_778),
        ("base-cased", 108_310_272, 107_719_680, 108_340_804, 108_932_934, 108_311_810),
        ("large-uncased", 335_141_888, 334_092_288, 335_174_458, 336_226_108, 335_143_938),
        ("large-cased", 333_579_264, 332_529_664, 333_610_308, 334_661_958, 333_581_314),
    ],
)
def test_counts_of_the_published_sizes(name, encoder, bare, masked_words, pre_training, classifier):
    config = BertConfig.preset(name)
    assert count(on_meta(Bert, config)) == encoder
    assert count(on_meta(Bert, config, pooler=False)) == bare
    assert count(on_meta(BertForPreTraining, config, next_sentence=False)) == masked_words
    assert count(on_meta(BertForPreTraining, config)) == pre_training
    assert count(on_meta(BertForSequenceClassification, config)) == classifier


@pytest.mark.parametrize(
    ("name", "parameters"), [("tiny", 4_385_920), ("mini", 11_170_560), ("small", 28_763_648), ("medium", 41_373_184)]
)
def test_counts_of_the_small_sizes(name, parameters):
    assert count(on_meta(Bert, BertConfig.preset(name))) == parameters


def test_counts_of_one_block():
    for name, parameters in (("base-uncased", 7_087_872), ("large-uncased", 12_596_224)):
        assert count(on_meta(Bert, BertConfig.preset(name, num_layers=1)).blocks[0]) == parameters


def test_presets_can_be_changed():
    config = BertConfig.preset("mini", dropout=0.3, context=64)
    assert (config.d_model, config.d_ff, config.dropout, config.context) == (256, 1024, 0.3, 64)
    with pytest.raises(ValueError, match="'huge'; expected one of base-uncased, base-cased, large-uncased"):
        BertConfig.preset("huge")


# Against transformers


def theirs(kind):
    torch.manual_seed(0)
    sizes = dict(vocab_size=31, max_position_embeddings=12, hidden_size=16, num_hidden_layers=3, num_attention_heads=4)
    config = transformers.BertConfig(**sizes, intermediate_size=24, num_labels=3)
    return loud(getattr(transformers, kind)(config))


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_everything_equals_transformers(kind):
    their_model = theirs(kind)
    model = from_huggingface(their_model.state_dict(), num_heads=4, dropout=0.0).eval()
    assert isinstance(model, KINDS[kind]) and count(model) == count(their_model) and model.config.d_ff == 24
    tokens, segments, mask = some_batch()
    expected = their_model(
        input_ids=tokens, token_type_ids=segments, attention_mask=mask.long(), output_hidden_states=True
    )
    hidden = []
    encoder = model if isinstance(model, Bert) else model.bert
    for part in (encoder.dropout, *encoder.blocks):
        part.register_forward_hook(lambda module, inputs, output: hidden.append(output))
    found = model(tokens, segments, mask)
    assert len(hidden) == len(expected.hidden_states) == 4
    close = dict(rtol=1e-4, atol=1e-4)
    for ours, other in zip(hidden, expected.hidden_states):
        torch.testing.assert_close(ours[mask], other[mask], **close)
    if kind == "BertModel":
        torch.testing.assert_close(found[1], expected.pooler_output, **close)
    elif kind == "BertForMaskedLM":
        torch.testing.assert_close(found[0][mask], expected.logits[mask], **close)
        assert found[1] is None
    elif kind == "BertForPreTraining":
        torch.testing.assert_close(found[0][mask], expected.prediction_logits[mask], **close)
        torch.testing.assert_close(found[1], expected.seq_relationship_logits, **close)
    else:
        torch.testing.assert_close(found, expected.logits, **close)
    back = theirs(kind)
    for parameter in back.parameters():
        parameter.zero_()
    back.load_state_dict(to_huggingface(model), strict=True)
    again = back(input_ids=tokens, token_type_ids=segments, attention_mask=mask.long())
    torch.testing.assert_close(
        again[0][mask] if again[0].ndim == 3 else again[0], expected[0][mask] if again[0].ndim == 3 else expected[0]
    )


def test_both_losses_and_their_gradients_equal_those_of_transformers():
    their_model = theirs("BertForPreTraining")
    model = from_huggingface(their_model.state_dict(), num_heads=4, dropout=0.0)
    tokens, segments, mask = some_batch()
    generator = torch.Generator().manual_seed(2)
    corrupted, positions, labels = corrupt(tokens, mask, 4, torch.arange(5, 31), 0.4, generator=generator)
    assert (labels == IGNORED).any() and (labels != IGNORED).any(dim=1).all()
    follows = torch.tensor([0, 1, 1])
    everywhere = torch.full_like(tokens, IGNORED)
    for row in range(len(tokens)):
        chosen = labels[row] != IGNORED
        everywhere[row, positions[row][chosen]] = labels[row][chosen]
    expected = their_model(
        input_ids=corrupted,
        token_type_ids=segments,
        attention_mask=mask.long(),
        labels=everywhere,
        next_sentence_label=follows,
    )
    losses = pretraining_losses(*model(corrupted, segments, mask, positions), labels, follows)
    torch.testing.assert_close(sum(losses), expected.loss, rtol=1e-5, atol=1e-5)
    words = F.cross_entropy(expected.prediction_logits.flatten(0, 1), everywhere.flatten())
    torch.testing.assert_close(losses[0], words, rtol=1e-5, atol=1e-5)
    sum(losses).backward()
    expected.loss.backward()
    gradient = their_model.bert.embeddings.word_embeddings.weight.grad
    torch.testing.assert_close(model.bert.tokens.weight.grad, gradient, rtol=1e-3, atol=1e-5)
    gradient = their_model.bert.encoder.layer[0].attention.self.key.weight.grad
    torch.testing.assert_close(model.bert.blocks[0].attention.qkv.weight.grad[16:32], gradient, rtol=1e-3, atol=1e-5)


def test_published_names_are_read():
    """As Google's files have them: gamma and beta, buffers, no "bert." or every one, one bias without a decoder."""
    model = small(BertForPreTraining)
    state = to_huggingface(model)
    assert all(name.startswith(("bert.", "cls.")) for name in state)
    del state["cls.predictions.decoder.weight"], state["cls.predictions.decoder.bias"]
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in state.items()
    }
    assert sum(name.endswith("gamma") for name in old) == 6
    old["bert.embeddings.position_ids"] = torch.arange(12)[None]
    only_decoder = {name: value for name, value in state.items() if name != "cls.predictions.bias"}
    only_decoder["cls.predictions.decoder.bias"] = model.words.bias
    tokens, segments, mask = some_batch()
    with torch.no_grad():
        expected = model(tokens, segments, mask)
        for weights in (old, only_decoder, {name.removeprefix("bert."): value for name, value in old.items()}):
            found = from_huggingface(weights, num_heads=2).eval()(tokens, segments, mask)
            torch.testing.assert_close(found, expected)


def test_weights_that_do_not_fit_are_refused():
    state = to_huggingface(small(BertForSequenceClassification, 3))
    assert from_huggingface(state).config.num_heads == 1
    with pytest.raises(ValueError, match=r"lack 'encoder\.layer\.1\.output\.dense\.bias'"):
        from_huggingface(
            {name: value for name, value in state.items() if name != "bert.encoder.layer.1.output.dense.bias"}
        )
    with pytest.raises(ValueError, match="1 weights have no place in a BertForSequenceClassification, such as 'extra'"):
        from_huggingface({**state, "extra": torch.zeros(1)})
    with pytest.raises(ValueError, match="no weights of a BERT"):
        from_huggingface({"wte.weight": torch.zeros(1)})
    without = {name: value for name, value in state.items() if "token_type" not in name}  # as DistilBERT's are
    with pytest.raises(ValueError, match=r"no weights of a BERT: expected embeddings\.token_type_embeddings\.weight"):
        from_huggingface(without)
    state = to_huggingface(small(BertForPreTraining))
    with pytest.raises(ValueError, match="decoder.weight differs from the token embedding"):
        from_huggingface({**state, "cls.predictions.decoder.weight": torch.zeros(31, 16)})


# The network


@torch.no_grad()
def test_padding_changes_nothing():
    model = small(BertForPreTraining)
    tokens, segments, mask = some_batch()
    together = model(tokens, segments, mask)
    other = model(tokens.masked_fill(~mask, 7), segments, mask)
    for row, length in enumerate(mask.sum(dim=1)):
        alone = model(tokens[row : row + 1, :length], segments[row : row + 1, :length])
        torch.testing.assert_close(together[0][row, :length], alone[0][0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together[1][row], alone[1][0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together[0][row, :length], other[0][row, :length])


@torch.no_grad()
def test_every_position_sees_both_sides_unless_causal():
    tokens, _, _ = some_batch(B=1)
    for causal in (False, True):
        model = small(causal=causal)
        before = model(tokens)[0]
        for t in range(12):
            changed = tokens.clone()
            changed[:, t] = (changed[:, t] + 1) % 31
            differs = (model(changed)[0] != before).any(dim=-1)[0]
            assert torch.equal(differs, (torch.arange(12) >= t) | (not causal))


@torch.no_grad()
def test_segments_positions_and_the_pooler_act():
    model = small()
    tokens, segments, _ = some_batch()
    assert not torch.equal(model(tokens, segments)[0], model(tokens)[0])
    torch.testing.assert_close(model(tokens)[0], model(tokens, torch.zeros_like(tokens))[0])
    same = torch.full((1, 5), 3)
    vectors = model(same)[0][0]
    assert not torch.allclose(vectors[0], vectors[1])
    x, pooled = model(tokens)
    torch.testing.assert_close(pooled, torch.tanh(x[:, 0] @ model.pooler.weight.T + model.pooler.bias))


@torch.no_grad()
def test_the_last_token_speaks_for_a_text_read_from_left_to_right():
    model = small(causal=True)
    tokens, segments, padded = some_batch()
    for mask, last in ((None, [11, 11, 11]), (padded, [11, 8, 5])):
        x, pooled = model(tokens, segments, mask)
        spoken = x[torch.arange(3), torch.tensor(last)]
        torch.testing.assert_close(pooled, torch.tanh(spoken @ model.pooler.weight.T + model.pooler.bias))


@torch.no_grad()
def test_words_are_asked_for_at_chosen_positions_alone():
    model = small(BertForPreTraining)
    tokens, segments, mask = some_batch()
    positions = torch.tensor([[0, 5, 11], [2, 3, 0], [1, 0, 0]])
    everywhere, chosen = model(tokens, segments, mask)[0], model(tokens, segments, mask, positions)[0]
    assert everywhere.shape == (3, 12, 31) and chosen.shape == (3, 3, 31)
    for row in range(3):
        torch.testing.assert_close(chosen[row], everywhere[row, positions[row]])


def test_the_loss_comes_from_chosen_positions_alone():
    logits = torch.randn(2, 3, 5, requires_grad=True)
    labels = torch.tensor([[4, IGNORED, 0], [2, IGNORED, IGNORED]])
    words, following = pretraining_losses(logits, torch.tensor([[0.0, 0.0], [0.0, 0.0]]), labels, torch.tensor([0, 1]))
    log = logits.log_softmax(-1)
    torch.testing.assert_close(words, -(log[0, 0, 4] + log[0, 2, 0] + log[1, 0, 2]) / 3)
    assert following.item() == pytest.approx(math.log(2))
    words.backward()
    assert (logits.grad.abs().sum(-1) > 0).tolist() == [[True, False, True], [True, False, False]]


@torch.no_grad()
def test_kept_weights_are_those_that_act():
    tokens, segments, mask = some_batch()
    for causal in (False, True):
        model = small(causal=causal)
        before = model(tokens, segments, mask)[0]
        for block in model.blocks:
            block.attention.keep_weights = True
        torch.testing.assert_close(model(tokens, segments, mask)[0][mask], before[mask], rtol=1e-4, atol=1e-5)
        weights = model.blocks[1].attention.weights
        assert weights.shape == (3, 2, 12, 12)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 12))
        assert not weights[2, :, :, 6:].any() and weights.triu(1).any() != causal


def test_weights_start_as_in_the_published_code():
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(200, d_model=128, num_layers=2, num_heads=4))
    for name, parameter in model.named_parameters():
        if "norm" in name:
            assert (parameter == (1 if name.endswith("weight") else 0)).all()
        elif name.endswith("bias"):
            assert not parameter.any()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.12)
    assert model.bert.norm.eps == 1e-12


def test_dropout_acts_where_it_is_asked_for():
    tokens, _, _ = some_batch()
    for options, differs in ((dict(dropout=0.5), True), (dict(attention_dropout=0.5), True), ({}, False)):
        model = small(**options).train()
        assert torch.equal(model(tokens)[0], model(tokens)[0]) != differs
        assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])
    assert ran(small(), tokens)["Dropout"] == 1 + 2 * 2
    assert ran(small(BertForSequenceClassification), tokens)["Dropout"] == 1 + 2 * 2 + 1


def test_one_batch_is_overfitted():
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(**{**SMALL, "d_model": 32}))
    tokens, segments, mask = some_batch(B=4, T=12)
    mask = torch.ones_like(mask)
    corrupted, positions, labels = corrupt(
        tokens, mask, 4, torch.arange(5, 31), generator=torch.Generator().manual_seed(0)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(80):
        loss = sum(pretraining_losses(*model(corrupted, segments, mask, positions), labels, torch.tensor([0, 1, 1, 0])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_the_step_compiles_without_a_break():
    tokens, segments, mask = some_batch()
    model = BertForPreTraining(BertConfig(**{**SMALL, "dropout": 0.1}))
    positions = torch.zeros(3, 2, dtype=torch.int64)
    assert torch._dynamo.explain(model)(tokens, segments, mask, positions).graph_break_count == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(num_heads=3), "d_model 16 cannot be split into 3 heads"),
        (dict(num_layers=0), "num_layers is 0"),
        (dict(context=-1), "context is -1"),
        (dict(dropout=1.0), "dropout is 1.0"),
        (dict(attention_dropout=-0.1), "attention_dropout is -0.1"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=message):
        BertConfig(**{**SMALL, **changes})
    with pytest.raises(ValueError, match="classes is 0"):
        BertForSequenceClassification(BertConfig(**SMALL), 0)


FOUR = torch.zeros(1, 4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((torch.zeros(1, 13, dtype=torch.int64),), "13 tokens is longer than the context: expected 12 at most"),
        ((torch.zeros(1, 0, dtype=torch.int64),), "at least one token"),
        ((torch.zeros(5, dtype=torch.int64),), r"expected \(B, T\)"),
        ((torch.tensor([[3, 31]]),), "token 31 is unknown; expected 0 to 30"),
        ((torch.tensor([[-1, 10]]),), "token -1 is unknown"),
        ((FOUR, FOUR + 2), "segment 2 is unknown; expected 0 to 1"),
        ((FOUR, FOUR[:, :3]), r"segments has shape \(1, 3\); expected that of the tokens, \(1, 4\)"),
        ((FOUR, None, FOUR), "mask is torch.int64; expected torch.bool"),
        ((FOUR, None, FOUR > 0), "a text is empty: its mask holds no True"),
    ],
)
def test_texts_that_do_not_fit(batch, message):
    with pytest.raises(ValueError, match=message):
        small()(*batch)


# Corruption


def test_the_corruption_rule_has_its_statistics():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, 1000, (400, 128), generator=generator)
    allowed = torch.ones_like(tokens, dtype=torch.bool)
    allowed[:, [0, 60, 127]] = False
    corrupted, positions, labels = corrupt(tokens, allowed, 4, torch.arange(5, 1000), generator=generator)
    assert positions.shape == labels.shape == (400, 19)  # 15 % of 125 is 18.75, of 128 19.2
    assert (labels != IGNORED).all() and (labels == tokens.gather(1, positions)).all()
    chosen = torch.zeros_like(allowed).scatter(1, positions, True)
    assert (chosen.sum(dim=1) == 19).all() and not (chosen & ~allowed).any()
    assert torch.equal(corrupted[~chosen], tokens[~chosen])
    shown, truth = corrupted[chosen], tokens[chosen]
    n = len(shown)
    masked, kept = (shown == 4).sum().item() / n, (shown == truth).sum().item() / n
    assert masked == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / n)) and kept == pytest.approx(
        0.1, abs=4 * math.sqrt(0.09 / n)
    )
    replaced = shown[(shown != 4) & (shown != truth)]
    assert len(replaced) / n == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / n)) and replaced.min() >= 5
    assert len(replaced.unique()) > 400 and replaced.float().mean().item() == pytest.approx(502, abs=45)
    spread = chosen.float().mean(dim=0)[allowed[0]]
    assert spread.std() < 1.5 * math.sqrt(0.15 * 0.85 / 400)  # every position alike


def test_short_texts_have_fewer_chosen_positions():
    tokens = torch.arange(5, 45).repeat(3, 1)
    allowed = torch.arange(40) < torch.tensor([40, 20, 1])[:, None]
    corrupted, positions, labels = corrupt(tokens, allowed, 4, torch.tensor([9]), rule=(1.0, 0.0))
    assert (labels != IGNORED).sum(dim=1).tolist() == [6, 3, 1] and positions.shape == (3, 6)
    assert (corrupted == 4).sum(dim=1).tolist() == [6, 3, 1]
    assert positions[2].tolist() == [0] * 6 and labels[2].tolist() == [5] + 5 * [IGNORED]
    for row in range(3):
        places = positions[row][labels[row] != IGNORED]
        assert (corrupted[row, places] == 4).all() and places.tolist() == sorted(set(places.tolist()))


def test_other_rules():
    tokens, allowed = torch.full((50, 20), 7), torch.ones(50, 20, dtype=torch.bool)
    for rule, seen in (((1.0, 0.0), {4, 7}), ((0.0, 1.0), {9, 7}), ((0.0, 0.0), {7})):
        corrupted, _, labels = corrupt(tokens, allowed, 4, torch.tensor([9]), 0.5, rule)
        assert set(corrupted.flatten().tolist()) == seen and (labels == 7).all()
        assert (corrupted != 7).sum() == (500 if rule != (0.0, 0.0) else 0)
    with pytest.raises(ValueError, match="share is 0"):
        corrupt(tokens, allowed, 4, torch.tensor([9]), 0)
    with pytest.raises(ValueError, match=r"rule is \(0.8, 0.3\)"):
        corrupt(tokens, allowed, 4, torch.tensor([9]), rule=(0.8, 0.3))
    allowed[3] = False
    with pytest.raises(ValueError, match="text 3 has no token that may be hidden"):
        corrupt(tokens, allowed, 4, torch.tensor([9]))


# Reviews


@pytest.mark.real_data
def test_the_real_reviews_are_whole_and_their_parts_share_none():
    if not (data_root() / "movie_reviews" / "movie_reviews.zip").exists():
        pytest.skip(f"the real movie reviews are not under {data_root()}")
    real_reviews = load_reviews()
    parts = (real_reviews.train, real_reviews.val, real_reviews.test)
    assert [len(part) for part in parts] == [1400, 200, 400]
    assert [sum(review.label for review in part) for part in parts] == [700, 100, 200]
    assert sum(len(review.sentences) for part in parts for review in part) == 64_720
    assert sum(len(s.split()) for part in parts for review in part for s in review.sentences) == 1_492_681
    assert real_reviews.train[0].sentences[1] == "they get into an accident ."
    texts = [set(map(tuple, (review.sentences for review in part))) for part in parts]
    assert not texts[2] & (texts[0] | texts[1]) and not texts[0] & texts[1]


def test_toy_reviews_are_repeatable_and_balanced():
    toy = load_toy_reviews()
    assert toy == load_toy_reviews() != load_toy_reviews(seed=1)
    assert "generated" in toy.name and (len(toy.train), len(toy.val), len(toy.test)) == (120, 40, 40)
    assert len({review.sentences for part in toy[1:] for review in part}) == 200  # the parts share none
    for review in toy.train:
        words = {word for sentence in review.sentences for word in sentence.split()}
        assert not words & set(reviews.FEELINGS[1 - review.label])


ENCODER = WordPiece(SPECIALS)  # pad 0, cls 2, sep 3, mask 4


def some_documents():
    """Ten documents of 2 to 11 sentences with 1 to 7 tokens; all tokens differ, and rise in a document."""
    numbers, documents = iter(range(5, 10_000)), []
    for d in range(10):
        documents.append([[next(numbers) for _ in range(1 + (3 * d + 5 * s) % 7)] for s in range(d + 2)])
    return documents


def test_pairs_follow_each_other_or_come_from_other_documents():
    documents = some_documents()
    sentences = [sentence for document in documents for sentence in document]
    of = {token: d for d, document in enumerate(documents) for sentence in document for token in sentence}
    begins, ends = {s[0] for s in sentences}, {s[-1] for s in sentences}
    loader = TextPairs(documents, ENCODER, 16, 4, "cpu", shuffle=True)
    batches = list(loader)
    assert len(batches) == len(loader) and loader.count == 4 * len(batches)
    answers, A_lengths = [], set()
    for tokens, segments, mask, next_labels in batches:
        assert tokens.shape == segments.shape == mask.shape == (4, 16) and mask.dtype == torch.bool
        for row, kind, real, answer in zip(tokens.tolist(), segments.tolist(), mask.tolist(), next_labels.tolist()):
            n = sum(real)
            assert real == [True] * n + [False] * (16 - n) and row[n:] == [0] * (16 - n)
            middle = row.index(3)
            A, B = row[1:middle], row[middle + 1 : n - 1]
            assert row[0] == 2 and row[n - 1] == 3 and A and B and len(A) <= 13 * 3 // 4
            assert kind == [0] * (len(A) + 2) + [1] * (len(B) + 1) + [0] * (16 - n)
            assert A == list(range(A[0], A[0] + len(A))) and B == list(range(B[0], B[0] + len(B)))
            assert A[-1] in ends and B[0] in begins and len({of[t] for t in A}) == len({of[t] for t in B}) == 1
            assert (B[0] == A[-1] + 1) if answer == 0 else (of[A[0]] != of[B[0]])
            answers.append(answer)
            A_lengths.add(len(A))
    assert sum(answers) == loader.count // 2 and len(A_lengths) > 3


def test_other_documents_are_all_reached():
    loader = TextPairs(some_documents(), ENCODER, 16, 4, "cpu")
    for sentence in (0, 10, 40):
        document = loader.document[sentence]
        reached = {loader.pair(sentence, False, 0.5, i / 1000)[1][0] for i in range(1000)}
        expected = {loader.tokens[s] for s, d in zip(loader.starts, loader.document) if d != document}
        assert reached == expected


def test_pairs_are_drawn_from_seed_and_epoch():
    hide = functools.partial(corrupt, mask_token=4, replacements=torch.arange(5, 400))

    def batches(epoch, **options):
        loader = TextPairs(some_documents(), ENCODER, 16, 4, "cpu", hide, **options)
        loader.epoch = epoch
        return [torch.cat([part.flatten() for part in batch]) for batch in loader], loader

    (first, loader), (again, _) = batches(0, shuffle=True), batches(0, shuffle=True)
    assert all(map(torch.equal, first, again)) and loader.epoch == 1
    assert not all(map(torch.equal, first, batches(1, shuffle=True)[0]))
    assert not all(map(torch.equal, first, batches(0, shuffle=True, seed=1)[0]))
    assert all(map(torch.equal, batches(0)[0], batches(3)[0]))
    tokens, segments, mask, positions, word_labels, next_labels = next(iter(loader))
    assert positions.shape == word_labels.shape == (4, 2) and next_labels.shape == (4,)
    assert not set(tokens.gather(1, positions)[word_labels != IGNORED].tolist()) & {2, 3, 0}
    other = TextPairs(some_documents(), ENCODER, 16, 4, "cpu", functools.partial(hide, rule=(1.0, 0.0)), shuffle=True)
    assert other.describe() != loader.describe() == batches(0, shuffle=True)[1].describe()


def test_texts_too_short_for_pairs():
    with pytest.raises(ValueError, match="1 documents have two sentences or more"):
        TextPairs([[[5], [6]], [[7, 8]], []], ENCODER, 16, 4, "cpu")
    with pytest.raises(ValueError, match="length is 4; expected 5 or more"):
        TextPairs(some_documents(), ENCODER, 4, 4, "cpu")
    assert next(iter(TextPairs(some_documents(), ENCODER, 5, 4, "cpu")))[2].all()
    with pytest.raises(ValueError, match="4 tokens make 0 pairs; expected a batch of 4"):
        TextPairs([[[5], [6]], [[7], [8]]], ENCODER, 16, 4, "cpu")


def test_windows_show_every_document_equally_often():
    documents = [list(range(100 * d, 100 * d + 5 * d)) for d in range(1, 7)]  # of 5 to 30 tokens
    loader = LabelledWindows(documents, [0, 1, 0, 1, 0, 1], ENCODER, 12, 9, 4, "cpu")
    seen, starts = [], set()
    for tokens, mask, labels in loader:
        assert tokens.shape == mask.shape == (4, 12)
        for row, real, label in zip(tokens.tolist(), mask.tolist(), labels.tolist()):
            window = row[1 : sum(real) - 1]
            d = window[0] // 100
            assert row[0] == 2 and row[sum(real) - 1] == 3 and label == (d - 1) % 2
            assert window == list(range(window[0], window[0] + min(10, 5 * d)))
            seen.append(d)
            starts.add(window[0])
    assert len(loader) == 9 and loader.count == 36
    assert all(sorted(seen[i : i + 6]) == [1, 2, 3, 4, 5, 6] for i in range(0, 36, 6)) and len(starts) > 12
    windows = all_windows(documents[5], 12)
    assert sum(windows, []) == documents[5] and [len(w) for w in windows] == [10, 10, 10]
    assert [len(w) for w in all_windows(documents[4], 12)] == [10, 10, 5]
    with pytest.raises(ValueError, match="6 documents and 2 labels"):
        LabelledWindows(documents, [0, 1], ENCODER, 12, 9, 4, "cpu")
    with pytest.raises(ValueError, match="length is 2; expected 3 or more"):
        LabelledWindows(documents, [0] * 6, ENCODER, 2, 9, 4, "cpu")


# Baselines


def test_trigrams_by_hand():
    documents = [[0, 1, 2], [0, 1, 2], [0, 1, 3], [1, 2, 0]]
    model = Trigrams(documents, 5)
    counts = torch.tensor([4.5, 4.5, 3.5, 1.5, 0.5])
    unigrams = counts / counts.sum()
    torch.testing.assert_close(model.unigrams, unigrams)
    after_1 = torch.tensor([0.0, 0.0, 2.25, 0.25, 0.0]) / 4 + 2 * 0.75 / 4 * unigrams  # 1 2 three times, 1 3 once
    torch.testing.assert_close(model.bigrams[1], after_1)
    torch.testing.assert_close(model.bigrams[4], unigrams)
    expected = torch.tensor([0.0, 0.0, 1.25, 0.25, 0.0]) / 3 + 2 * 0.75 / 3 * after_1  # 0 1 2 twice, 0 1 3 once
    torch.testing.assert_close(model.probabilities(0, 1), expected)
    torch.testing.assert_close(model.probabilities(4, 1), after_1)
    for row in (*model.bigrams, model.probabilities(0, 1), model.probabilities(1, 2)):
        assert row.sum().item() == pytest.approx(1, abs=1e-5) and (row > 0).all()


def test_a_word_between_two_on_each_side():
    generator = torch.Generator().manual_seed(0)
    documents = [torch.randint(4, (30,), generator=generator).tolist() for _ in range(3)]
    model = Trigrams(documents, 5)  # token 4 is never seen
    for first, second, fourth, fifth in ((0, 1, 2, 3), (3, 3, 0, 0), (4, 0, 1, 4), (2, 4, 4, 1)):
        expected = torch.stack(
            [
                model.probabilities(first, second)[third]
                * model.probabilities(second, third)[fourth]
                * model.probabilities(third, fourth)[fifth]
                for third in range(5)
            ]
        )
        torch.testing.assert_close(model.between(first, second, fourth, fifth), expected / expected.sum())


def test_a_bag_of_words_learns_the_toy_reviews():
    toy = load_toy_reviews()

    def words(part):
        return [" ".join(review.sentences).split() for review in part], [review.label for review in part]

    model = BagOfWords(*words(toy.train))
    assert model.accuracy(*words(toy.test)) == 1.0
    assert model.weight[model.words["superb"]] > 0 > model.weight[model.words["awful"]]
    rare = BagOfWords([["a", "b"], ["a", "c"]], [0, 1])
    assert list(rare.words) == ["a"]
    strong = BagOfWords(*words(toy.train), penalty=10.0)
    assert strong.weight.abs().max() < 0.1 * model.weight.abs().max()


def test_overlap_counts_rare_words_more():
    model = Overlap([["the", "whale"], ["the", "moon"], ["the", "moon", "rose"], ["the"]])
    assert model.score(["the"], ["the"]) == 0.0  # in every document: worth nothing
    whale, moon = math.log(4), math.log(2)
    assert model.score(["whale", "moon"], ["whale"]) == pytest.approx(whale / math.sqrt((whale + moon) * whale))
    pairs = [(["moon"], ["moon"]), (["whale"], ["whale", "rose"]), (["moon"], ["whale"]), (["rose"], ["moon"])]
    assert model.fit(pairs, [True, True, False, False]).accuracy(pairs, [True, True, False, False]) == 1.0
    assert 0 < model.threshold < 1
    assert model.fit(pairs, [True] * 4).threshold < 0 and model.fit(pairs, [False] * 4).threshold > 0.9


# Published files


def test_published_weights_are_read(tmp_path, monkeypatch):
    from safetensors.torch import save_file

    model = small(BertForPreTraining)
    state = {name: value.contiguous() for name, value in to_huggingface(model).items() if "decoder" not in name}
    save_file(state, tmp_path / "model.safetensors")
    monkeypatch.setattr(published, "published_file", lambda name: tmp_path / name)
    again = from_huggingface(published.load_published_weights(), num_heads=2)
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))


def test_processes_share_pairs_and_labelled_windows(monkeypatch):
    hide = functools.partial(corrupt, mask_token=4, replacements=torch.arange(5, 400))
    assert_processes_share(lambda: TextPairs(some_documents(), ENCODER, 16, 4, "cpu", hide, shuffle=True), monkeypatch)
    documents = [list(range(100 * d, 100 * d + 5 * d)) for d in range(1, 7)]
    assert_processes_share(lambda: LabelledWindows(documents, [0, 1] * 3, ENCODER, 12, 9, 4, "cpu"), monkeypatch)
