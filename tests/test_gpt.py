"""GPT: counts, logits of transformers, causality, the cache, sampling; byte pairs against three libraries; windows."""

import json
import math
import random
import unicodedata

import pytest
import regex
import tiktoken
import tokenizers
import torch
import transformers
from helpers import assert_processes_share, count, on_meta, ran, stirred
from torch import nn
from torch.nn import functional as F

from architectures.gpt import bpe, shakespeare
from architectures.gpt.gpt import (
    GPT,
    GPTConfig,
    from_huggingface,
    gpt_shakespeare,
    next_probabilities,
    to_huggingface,
)
from utils.files import DataError, data_root

SMALL = dict(vocab_size=11, context=12, d_model=16, num_layers=2, num_heads=2, dropout=0.0)


def small(**changes):
    """A GPT whose random weights are large enough that every token counts."""
    torch.manual_seed(0)
    model = stirred(GPT(GPTConfig(**{**SMALL, **changes}))).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.3)
    return model


def some_tokens(*shape, vocabulary=11):
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "parameters", "without_positions", "layers_alone"),
    [
        ("gpt1", 116_534_784, 116_141_568, 85_054_464),
        ("gpt2", 124_439_808, 123_653_376, 85_056_000),
        ("gpt2-medium", 354_823_168, 353_774_592, 302_311_424),
        ("gpt2-large", 774_030_080, 772_719_360, 708_390_400),
        ("gpt2-xl", 1_557_611_200, 1_555_972_800, 1_475_561_600),
    ],
)
def test_counts_of_the_published_sizes(name, parameters, without_positions, layers_alone):
    model = on_meta(GPT, GPTConfig.preset(name))
    assert count(model) == parameters
    assert count(model) - count(model.positions) == without_positions
    assert count(model) - count(model.positions) - count(model.tokens) == layers_alone


@pytest.mark.parametrize(
    ("layers", "width", "context", "bias", "parameters"),
    [
        (6, 384, 256, False, 10_745_088),
        (6, 384, 256, True, 10_770_816),
        (4, 128, 64, False, 804_096),
        (2, 64, 0, False, 102_784),
        (4, 128, 0, False, 795_904),
        (6, 256, 0, False, 4_738_560),
        (6, 384, 0, False, 10_646_784),
    ],
)
def test_counts_on_characters(layers, width, context, bias, parameters):
    """Those of nanoGPT; a context of 0 stands for a count without the positions."""
    config = GPTConfig(65, max(context, 1), width, layers, 2, bias=bias)
    assert count(on_meta(GPT, config)) - (not context) * width == parameters


def test_presets_can_be_changed():
    config = GPTConfig.preset("gpt1", dropout=0.3, context=64)
    assert (config.norm_first, config.dropout, config.context, config.vocab_size) == (False, 0.3, 64, 40_478)
    with pytest.raises(ValueError, match="'gpt3'; expected one of gpt1, gpt2, gpt2-medium"):
        GPTConfig.preset("gpt3")


# Against transformers


def theirs(which):
    sizes = dict(n_positions=24, n_embd=32, n_layer=3, n_head=4)
    if which == "gpt1":
        config = transformers.OpenAIGPTConfig(vocab_size=50, **sizes)
        return transformers.OpenAIGPTLMHeadModel(config)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=50, **sizes))


@pytest.mark.parametrize("which", ["gpt1", "gpt2"])
def test_logits_equal_those_of_transformers(which):
    torch.manual_seed(0)
    their_model = stirred(theirs(which)).eval()
    for parameter in their_model.parameters():  # loud enough that a GELU without tanh, or scores without a scale, show
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.2)
    model = from_huggingface(their_model.state_dict(), num_heads=4, dropout=0.0).eval()
    assert model.config.norm_first == (which == "gpt2") and count(model) == count(their_model)
    tokens = some_tokens(2, 24, vocabulary=50)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), their_model(tokens).logits, rtol=1e-5, atol=2e-5)
    back = theirs(which)  # other random weights
    back.load_state_dict(to_huggingface(model), strict=True)
    with torch.no_grad():
        torch.testing.assert_close(back.eval()(tokens).logits, their_model(tokens).logits)


def test_weights_travel_there_and_back():
    model = small(bias=False)
    back = from_huggingface(to_huggingface(model), num_heads=2, dropout=0.0).eval()
    assert back.config.bias
    tokens = some_tokens(2, 12)
    with torch.no_grad():
        torch.testing.assert_close(back(tokens), model(tokens))
    published = theirs("gpt2").state_dict()
    published = {name.removeprefix("transformer."): value for name, value in published.items()}
    published["h.0.attn.bias"] = torch.ones(1, 1, 24, 24)  # the mask, which published files hold
    assert from_huggingface(published).config.num_heads == 1
    with pytest.raises(ValueError, match=r"lack 'h\.1\.ln_2\.weight'"):
        from_huggingface({name: value for name, value in published.items() if name != "h.1.ln_2.weight"})
    with pytest.raises(ValueError, match=r"lm_head\.weight is not the token embedding"):
        from_huggingface({**published, "lm_head.weight": published["lm_head.weight"] + 1})
    with pytest.raises(ValueError, match="no weights of a GPT"):
        from_huggingface({"fc.weight": torch.zeros(1)})


# The network


@pytest.mark.parametrize("norm_first", [True, False])
@torch.no_grad()
def test_no_position_sees_what_follows(norm_first):
    model, tokens = small(norm_first=norm_first), some_tokens(2, 12)
    before = model(tokens)
    for t in range(12):
        changed = tokens.clone()
        changed[:, t] = (changed[:, t] + 1) % 11
        after = model(changed)
        assert torch.equal(after[:, :t], before[:, :t])
        assert ((after[:, t:] - before[:, t:]).abs().amax(dim=-1) > 1e-6).all()  # all that follows does see it


@pytest.mark.parametrize("norm_first", [True, False])
@torch.no_grad()
def test_the_cache_changes_nothing(norm_first):
    model, tokens = small(norm_first=norm_first), some_tokens(3, 12)
    full = model(tokens)
    for pieces in ([1] * 12, [12], [5, 1, 4, 2]):
        cache = model.new_cache(3)
        parts = [model(part, cache) for part in tokens.split(pieces, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), full, rtol=1e-4, atol=1e-5)
        assert cache.length == 12
    with pytest.raises(ValueError, match="13 tokens is longer than the context: expected at most 12"):
        model(tokens[:, :1], cache)
    cache = model.new_cache(3)
    with torch.autocast("cpu", torch.bfloat16):
        parts = [model(part, cache) for part in tokens.split(3, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens), rtol=0.05, atol=0.3)
    assert cache.content.dtype == torch.bfloat16


@torch.no_grad()
def test_kept_weights_are_those_that_act():
    model, tokens = small(), some_tokens(2, 9)
    before = model(tokens)
    for block in model.blocks:
        block.attention.keep_weights = True
    torch.testing.assert_close(model(tokens), before)
    weights = model.blocks[1].attention.weights
    assert weights.shape == (2, 2, 9, 9) and not weights.triu(1).any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 9))


def test_weights_start_as_the_paper_says():
    torch.manual_seed(0)
    gpt2, gpt1 = (GPT(GPTConfig(100, 50, 128, 8, 4, norm_first=first)) for first in (True, False))
    for model, residual in ((gpt2, 0.02 / math.sqrt(16)), (gpt1, 0.02)):
        block = model.blocks[3]
        for layer in (block.attention.out, block.feed_forward.down):
            assert layer.weight.std().item() == pytest.approx(residual, rel=0.05)
        for weight in (block.attention.qkv.weight, block.feed_forward.up.weight, model.tokens.weight):
            assert weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert not block.attention.qkv.bias.any() and (block.norm1.weight == 1).all()
    assert isinstance(gpt1.norm, nn.Identity) and isinstance(gpt2.norm, nn.LayerNorm)


def test_output_and_embedding_share_their_weights():
    model = small()
    assert not [name for name, _ in model.named_parameters() if "head" in name or "output" in name]
    x = torch.randn(2, 16)
    torch.testing.assert_close(model.output(x), x @ model.tokens.weight.T)


def test_dropout_acts_where_it_is_asked_for():
    tokens = some_tokens(1, 12)
    for options, differs in ((dict(dropout=0.5), True), (dict(attention_dropout=0.5), True), ({}, False)):
        model = small(**options).train()
        assert torch.equal(model(tokens), model(tokens)) != differs
        assert torch.equal(model.eval()(tokens), model(tokens))


def test_one_batch_is_overfitted():
    torch.manual_seed(0)
    model, windows = GPT(GPTConfig(**{**SMALL, "d_model": 32})), some_tokens(8, 13)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(120):
        loss = F.cross_entropy(model(windows[:, :-1])[:, 3:].flatten(0, 1), windows[:, 4:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_the_step_compiles_without_a_break():
    assert torch._dynamo.explain(GPT(GPTConfig(**{**SMALL, "dropout": 0.1})))(some_tokens(2, 12)).graph_break_count == 0


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
        GPTConfig(**{**SMALL, **changes})


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(1, 13, dtype=torch.int64), "13 tokens is longer than the context: expected at most 12"),
        (torch.zeros(1, 0, dtype=torch.int64), "at least one token"),
        (torch.zeros(5, dtype=torch.int64), r"expected \(B, T\)"),
        (torch.tensor([[3, 11]]), "token 11 is unknown; expected 0 to 10"),
        (torch.tensor([[-1, 10]]), "token -1 is unknown"),
    ],
)
def test_texts_that_do_not_fit(tokens, message):
    with pytest.raises(ValueError, match=message):
        small()(tokens)


# Generation


def test_probabilities_by_hand():
    p = torch.tensor([0.1, 0.4, 0.2, 0.3])
    logits = p.log()
    torch.testing.assert_close(next_probabilities(logits), p)
    torch.testing.assert_close(next_probabilities(logits, temperature=0.5), p.square() / p.square().sum())
    assert next_probabilities(logits, temperature=0).tolist() == [0, 1, 0, 0]
    torch.testing.assert_close(next_probabilities(logits, top_k=2), torch.tensor([0, 4 / 7, 0, 3 / 7]))
    torch.testing.assert_close(next_probabilities(logits, top_k=99), p)
    for top_p, kept in ((0.39, 1), (0.41, 2), (0.69, 2), (0.71, 3), (0.91, 4), (1.0, 4), (1e-9, 1)):
        assert (next_probabilities(logits, top_p=top_p) > 0).sum() == kept
    torch.testing.assert_close(next_probabilities(logits, top_p=0.5), torch.tensor([0, 4 / 7, 0, 3 / 7]))
    # after the cut to three, 0.4 of 0.9 is not enough for 0.5
    assert (next_probabilities(logits, top_k=3, top_p=0.5) > 0).tolist() == [False, True, False, True]
    equal = next_probabilities(torch.zeros(2, 5), top_k=2)
    assert (equal > 0).sum(-1).tolist() == [2, 2]  # ties do not let more in
    assert torch.equal(logits, p.log())  # nothing was changed in place


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(top_p=0.0), "top_p is 0.0; expected more than 0 and at most 1"),
        (dict(top_p=1.1), "top_p is 1.1"),
        (dict(top_k=0), "top_k is 0"),
        (dict(temperature=-1), "temperature is -1"),
        (dict(temperature=math.nan), "temperature is nan"),
    ],
)
def test_sampling_that_makes_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        next_probabilities(torch.zeros(3), **options)
    with pytest.raises(ValueError, match=message):  # at once, not at the first token
        small().generate([1], 5, **options)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [([], "the prompt is empty"), ([0] * 13, "longer than the context"), ([11], "token 11 is unknown")],
)
def test_prompts_that_do_not_fit(prompt, message):
    with pytest.raises(ValueError, match=message):
        small().generate(prompt, 5)


def test_generation_with_and_without_cache_past_the_context():
    model = small().train()
    for options in (dict(temperature=0), dict(seed=3), dict(seed=3, top_k=3, top_p=0.9, temperature=0.7)):
        cached, uncached = (list(model.generate([1, 2, 3], 40, use_cache=use, **options)) for use in (True, False))
        assert cached == uncached and len(cached) == 40 and model.training
    assert all(isinstance(token, int) for token in cached)


@torch.no_grad()
def test_greedy_generation_is_the_most_probable_token():
    model, text = small(), [4, 7]
    for token in model.generate([4, 7], 10, temperature=0):
        assert token == model(torch.tensor([text]))[0, -1].argmax().item()
        text.append(token)


def test_a_seed_decides_alone():
    model = small()
    first = list(model.generate([1], 30, seed=5))
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert list(model.generate([1], 30, seed=5)) == first != list(model.generate([1], 30, seed=6))
    assert torch.equal(torch.get_rng_state(), state)  # and leaves torch's own state alone
    torch.manual_seed(0)
    drawn = list(model.generate([1], 30))
    torch.manual_seed(0)
    assert list(model.generate([1], 30)) == drawn


def test_drawn_tokens_have_their_probabilities():
    model = small()
    prompts = torch.full((4000, 1), 3)
    drawn = next(model.generate(prompts, 1, seed=0, top_k=4))
    with torch.no_grad():
        expected = next_probabilities(model(prompts[:1])[0, -1], top_k=4)
    torch.testing.assert_close(drawn.bincount(minlength=11) / 4000, expected, rtol=0, atol=0.03)


def test_generation_is_a_stream_that_stops():
    model = small()
    tokens = list(model.generate([1], 50, seed=0))
    stop = tokens[5]
    assert list(model.generate([1], 50, seed=0, stop=stop)) == tokens[: tokens.index(stop)]
    stream, calls = model.generate([1], 50, seed=0), []
    model.norm.register_forward_hook(lambda *_: calls.append(1))
    assert [next(stream) for _ in range(3)] == tokens[:3] and len(calls) == 3
    model.train()
    stream.close()
    assert not model.training  # as it was when the stream began
    batch = torch.tensor([[1], [2], [3]])
    rows = torch.stack(list(model.generate(batch, 60, seed=0, stop=8)), dim=1).tolist()  # 8 is drawn often
    ends = [row.index(8) if 8 in row else len(row) for row in rows]
    assert min(ends) < max(ends) == len(rows[0]) < 60  # with the last text the stream ends
    assert all(set(row[end:]) <= {8} for row, end in zip(rows, ends))


def test_batches_are_generated_as_one_by_one():
    model = small()
    batch = torch.tensor([[1, 2], [3, 4]])
    rows = torch.stack(list(model.generate(batch, 20, temperature=0)), dim=1)
    assert rows.tolist() == [list(model.generate(row, 20, temperature=0)) for row in batch.tolist()]


def test_the_kept_net_writes_shakespeare():
    try:
        model, about = gpt_shakespeare()
    except FileNotFoundError:
        pytest.skip("architectures/gpt/weights/gpt_shakespeare.pt is not kept yet")
    characters = about["characters"]
    text = [characters.index(character) for character in "ROMEO:\n"]
    written = "".join(characters[token] for token in model.generate(text, 200, temperature=0.8, seed=0))
    assert len(written) == 200 and sum(c.isalpha() or c in " \n,.;:'!?-" for c in written) == 200
    assert about["val_loss"] < 1.7


# Byte pairs

GPT2_RULE = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
NASTY = [
    *("", " ", "  ", "\n", "\n\n  \n", " \t x", "x \t ", "\r\n"),
    *("a\x1cb\x1f c", "\x85\x85x", "\u3000\u3000字", "\u200bx\u200b"),
    *("it's 'tis 'S 'LL we'll've''s", "'", "''", " '", "'ſ", "don’t", "İ ı ß ẞ", "e\u0301 é"),
    *("ﬁ", "naïve", "O'Neill's"),
    *("0x1F 3.14 1,000 ½ ² ٣ Ⅷ ①", "a1b2 3c", "一二三 漢字 かな カナ", "한국어", "हिन्दी", "العربية", "עברית", "ไทย"),
    *("🙂 👩‍👩‍👧 🇩🇪", "🙂🙂  🙂", "<|endoftext|>", "a <|endoftext|> b"),
    *("\u0000", "\ufeffx", "\ufffd", "\U0010ffff", "\u2028\u2029"),
    *("__init__ x_1", "a" * 300, " " * 50 + "x", "=" * 77, "Ω≈ç√∫", "z͓͎̟a̸l̡g̀o", "\t\tif x:\n\t\t\treturn  y", "…—–«»"),
]  # fmt: skip


# What this Python's Unicode does not know yet is left out.
ASSIGNED = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]


def random_texts(number, seed=0):
    """Texts of letters, marks, spaces and signs of all of Unicode, and of pieces that GPT-2's rule treats by itself."""
    draw = random.Random(seed)
    pieces = ["'s", "'ll", "'", " ", "  ", "\n", "\t", "\u00a0", "\u2003", "\x85", "\x1c", "the", " of", "1", "٣", "ⅷ"]
    for i in range(number):
        few = draw.choices(ASSIGNED, k=6)
        sources = (pieces, pieces + few, ASSIGNED, list(map(chr, range(256))))
        yield "".join(draw.choices(sources[i % 4], k=draw.randrange(1, 40)))


@pytest.fixture(scope="module")
def texts():
    return [*NASTY, *random_texts(600)]


@pytest.fixture(scope="module")
def encoder():
    play = shakespeare.load_toy_play(12_000)
    return bpe.BytePairEncoder.train([play.train, *NASTY, *random_texts(200, seed=1)], 700)


def test_every_character_is_cut_as_gpt2_cuts_it():
    """Between neighbours of each kind."""
    assert len(ASSIGNED) > 140_000
    for before, after in (("a", "1"), (" ", "!"), ("\n", " ")):
        text = "".join(f"{before}{character}{after}" for character in ASSIGNED)
        assert bpe.split(text) == GPT2_RULE.findall(text)


def test_splitting_is_gpt2s(texts):
    for text in texts:
        assert bpe.split(text) == GPT2_RULE.findall(text), repr(text)
    assert bpe.split("it's  2 o'clock") == ["it", "'s", " ", " 2", " o", "'", "clock"]


def test_tokens_equal_tiktokens(encoder, texts):
    ranks = {piece: token for token, piece in encoder.bytes.items() if token != encoder.end}
    theirs = tiktoken.Encoding(
        "ours", pat_str=GPT2_RULE.pattern, mergeable_ranks=ranks, special_tokens={bpe.END: encoder.end}
    )
    for text in [*texts, "a\ud800b", "\ude42\ud83d", "\ud83d\ude42"]:
        ours = encoder.encode(text)
        assert ours == theirs.encode_ordinary(text), repr(text)
        assert encoder.decode(ours) == theirs.decode(ours)
        if not any(0xD800 <= ord(character) < 0xE000 for character in text):
            assert encoder.decode(ours) == text
    cut = encoder.encode("漢字🙂")[1:-1]  # incomplete characters at both ends
    assert encoder.decode(cut) == theirs.decode(cut)


def test_tokens_equal_those_of_tokenizers_from_the_same_files(encoder, texts, tmp_path):
    vocab, merges = tmp_path / "vocab.json", tmp_path / "merges.txt"
    encoder.save(vocab, merges)
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE.from_file(str(vocab), str(merges)))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    read = bpe.BytePairEncoder.from_files(vocab, merges)
    assert len(read) == len(encoder) == theirs.get_vocab_size() and read.end == encoder.end == len(encoder) - 1
    for text in texts:
        assert read.encode(text) == encoder.encode(text) == theirs.encode(text).ids, repr(text)
    assert list(json.loads(vocab.read_text(encoding="utf-8")))[:3] == ["!", '"', "#"]  # GPT-2's tokens 0, 1, 2
    assert encoder.encode(" \n") == [220, 198]  # as in GPT-2


def test_files_of_others_are_read(tmp_path):
    """Trained by `tokenizers`, which numbers its tokens in its own way, with two special tokens."""
    theirs = tokenizers.ByteLevelBPETokenizer()
    play = shakespeare.load_toy_play(8000).train
    theirs.train_from_iterator([play, *NASTY], vocab_size=500, min_frequency=2, special_tokens=["<s>", bpe.END])
    theirs.save_model(str(tmp_path))
    ours = bpe.BytePairEncoder.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert len(ours) == theirs.get_vocab_size() == 500 and ours.special == {"<s>": 0, bpe.END: 1}
    for text in ["My lord, the moon will find his gentle hand.", *NASTY]:
        if "<|" not in text:  # theirs finds special tokens in texts
            assert ours.encode(text) == theirs.encode(text).ids
    assert ours.decode([1, *ours.encode("x")]) == "<|endoftext|>x"


def test_training_merges_the_commonest_pairs():
    encoder = bpe.BytePairEncoder.train(["low low low lower lower newest newest newest newest"], 262)
    # "we" occurs 6 times (2 in lower, 4 in newest), "lo" 5 times, then what occurs 4 times by the order of its tokens
    made = [encoder.bytes[token] for token in range(256, 262)]
    assert made == [b"we", b"lo", b" n", b" lo", b"ewe", bpe.END.encode()] and len(encoder) == 262
    assert encoder.pieces(encoder.encode("newest")) == ["n", "ewe", "s", "t"]
    with pytest.raises(ValueError, match="size is 256; expected 257 or more"):
        bpe.BytePairEncoder.train(["x"], 256)


def test_errors_of_the_encoder(encoder, tmp_path):
    with pytest.raises(ValueError, match=f"token {len(encoder)} is unknown"):
        encoder.decode([1, len(encoder)])
    vocab, merges = tmp_path / "vocab.json", tmp_path / "merges.txt"
    encoder.save(vocab, merges)
    numbers = json.loads(vocab.read_text(encoding="utf-8"))
    lacking = {token: number for token, number in numbers.items() if token != "A"}
    vocab.write_text(json.dumps(lacking), encoding="utf-8")
    with pytest.raises(ValueError, match="lacks a token for b'A'"):
        bpe.BytePairEncoder.from_files(vocab, merges)
    vocab.write_text(json.dumps(numbers), encoding="utf-8")
    for lines, message in (
        ("#version: 0.2\nab\n", "merge 0 is 'ab'; expected two tokens"),
        ("t h\nxy e\n", "merge 1 joins b'xy'"),
    ):
        merges.write_text(lines, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            bpe.BytePairEncoder.from_files(vocab, merges)


@pytest.mark.real_data
def test_published_gpt2_writes_english():
    if not (data_root() / "gpt2" / "model.safetensors").is_file():
        pytest.skip(f"GPT-2's published files are not under {data_root()}")
    encoder, model = bpe.load_gpt2_encoder(), from_huggingface(bpe.load_gpt2_weights())
    assert len(encoder) == 50_257 and encoder.end == 50_256 and encoder.encode("Hello world") == [15496, 995]
    assert count(model) == 124_439_808
    assert encoder.decode(model.generate(encoder.encode("The capital of France is"), 1, temperature=0)).strip()


# Data


@pytest.mark.real_data
def test_tiny_shakespeare_is_the_real_thing():
    if not (data_root() / "tinyshakespeare" / "input.txt").is_file():
        pytest.skip(f"tiny Shakespeare is not under {data_root()}")
    text = shakespeare.load_shakespeare()
    assert (len(text.train), len(text.val)) == (1_003_854, 111_540)
    assert len(shakespeare.Characters(text.train + text.val)) == 65 and text.train.startswith("First Citizen:\nBefore")
    encoder = bpe.BytePairEncoder.train([text.val], 400)
    assert encoder.decode(encoder.encode(text.val)) == text.val


def test_tiny_shakespeare_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    monkeypatch.setattr(shakespeare, "ADDRESSES", ("http://127.0.0.1:9/input.txt",))
    with pytest.raises(DataError, match=r"input\.txt could not be downloaded"):
        shakespeare.load_shakespeare()
    monkeypatch.setattr(bpe, "GPT2_FILES", {"vocab.json": (("http://127.0.0.1:9/vocab.json",), 64 * "0")})
    with pytest.raises(DataError, match=r"vocab\.json could not be downloaded"):
        bpe.load_gpt2_encoder()


def test_the_toy_play():
    text = shakespeare.load_toy_play(5000)
    assert text == shakespeare.load_toy_play(5000) != shakespeare.load_toy_play(5000, seed=1)
    assert "generated" in text.name and 5000 <= len(text.train + text.val) < 5300
    assert set(text.val) <= set(text.train)


def test_characters():
    characters = shakespeare.Characters("banana\n")
    assert characters.characters == ["\n", "a", "b", "n"] and characters.decode(characters.encode("nab\n")) == "nab\n"
    with pytest.raises(ValueError, match="character 'x' is unknown; expected one of 4"):
        characters.encode("bax")
    for token in (4, -1):
        with pytest.raises(ValueError, match=f"token {token} is unknown; expected 0 to 3"):
            characters.decode([0, token])


def test_windows_in_order_predict_every_token_once():
    loader = shakespeare.Windows(range(23), 5, 2, "cpu")
    batches = list(loader)
    assert [tuple(inputs.shape) for inputs, _ in batches] == [(2, 5), (2, 5), (1, 2)] and len(loader) == 3
    assert torch.cat([targets.flatten() for _, targets in batches]).tolist() == list(range(1, 23))
    assert all(torch.equal(inputs + 1, targets) for inputs, targets in batches) and loader.count == 22
    assert len(list(shakespeare.Windows(range(21), 5, 2, "cpu"))) == 2


def test_windows_for_training():
    loader = shakespeare.Windows(range(100), 7, 4, "cpu", shuffle=True)
    firsts, first = set(), None
    for _ in range(40):
        batches = list(loader)
        starts = torch.cat([inputs[:, 0] for inputs, _ in batches])
        assert all(inputs.shape == (4, 7) and torch.equal(inputs + 1, targets) for inputs, targets in batches)
        assert len(batches) == len(loader) == 3 and len(starts.unique()) == 12 and (starts % 7).unique().numel() == 1
        assert loader.count == 84 and starts.tolist() != sorted(starts.tolist())
        firsts.add(int(starts[0] % 7))
        first = first if first is not None else starts
    assert firsts == set(range(7))
    loader.epoch = 0
    again = torch.cat([inputs[:, 0] for inputs, _ in loader])
    assert torch.equal(again, first) and loader.epoch == 1
    assert loader.describe() == shakespeare.Windows(range(100), 7, 4, "cpu", shuffle=True).describe()
    assert loader.describe() != shakespeare.Windows(range(1, 101), 7, 4, "cpu", shuffle=True).describe()
    with pytest.raises(ValueError, match="a text of 30 tokens is too short: expected 35 or more"):
        shakespeare.Windows(range(30), 7, 4, "cpu", shuffle=True)
    assert len(shakespeare.Windows(range(35), 7, 4, "cpu", shuffle=True)) == 1


def test_dropout_acts_after_the_embeddings_and_each_sublayer():
    assert ran(small(), torch.zeros(1, 12, dtype=torch.int64))["Dropout"] == 1 + 2 * 2


def test_of_a_full_context_the_older_half_is_forgotten():
    model, seen = small(), []
    model.tokens.register_forward_hook(lambda module, args, out: seen.append(args[0].shape[1]))
    list(model.generate([1, 2, 3], 20, temperature=0, use_cache=False))
    assert seen == [*range(3, 13), *range(6, 13), *range(6, 9)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_processes_share_windows(monkeypatch, shuffle):
    assert_processes_share(lambda: shakespeare.Windows(range(100), 7, 4, "cpu", shuffle=shuffle), monkeypatch)
