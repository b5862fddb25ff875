"""utils/tokens.py and attention/translation.py: words, byte pairs, the toy task, Multi30k, batches, BLEU."""

import collections
import gzip
import hashlib
import json
import random

import pytest
import sacrebleu
import torch

from attention import translation
from utils import tokens as T
from utils.files import DataError, data_root

SENTENCES = [
    "Ein Mann schläft in einem grünen Raum auf einem Sofa.",
    "Ein Junge mit Kopfhörern sitzt auf den Schultern einer Frau.",
    "Zwei Männer stehen auf einem Sofa, und ein Mann schläft.",
    "Ein Mann, ein Sofa, ein grüner Raum!",
]


def test_words():
    assert T.words("It's a Dog's  bone; isn’t it?") == ["it's", "a", "dog's", "bone", ";", "isn’t", "it", "?"]
    assert T.words("Grüße 42") == ["grüße", "42"] and T.words("  ") == []


def test_vocabulary():
    vocabulary = T.Words(SENTENCES, min_count=2)
    assert vocabulary.tokens[:4] == ["<pad>", "<bos>", "<eos>", "<unk>"] and vocabulary.tokens[4] == "ein"
    assert "schultern" not in vocabulary.index and len(vocabulary) == len(set(vocabulary.tokens))
    ids = vocabulary.encode("Ein Zebra schläft.")
    assert ids[1] == T.UNK and vocabulary.words([T.BOS, *ids, T.EOS, 5, T.PAD]) == [
        "ein",
        "<unk>",
        "schläft",
        ".",
    ]
    assert vocabulary.decode(ids) == "ein <unk> schläft ." and vocabulary.encode("") == []


def naive_merges(texts, count):
    """The definition, without any index: count all pairs anew for every merge."""
    chunks = collections.Counter(chunk for text in texts for chunk in T.CHUNK.findall(text))
    chunks, merges = [[T.as_tokens(chunk), n] for chunk, n in chunks.items()], []
    for i in range(count):
        pairs = collections.Counter()
        for tokens, n in chunks:
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] += n
        pair, n = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        if n < 2:
            break
        merges.append(pair)
        chunks = [[T.merge(tokens, pair, 260 + i), n] for tokens, n in chunks]
    return merges


@pytest.mark.parametrize("texts", [SENTENCES, ["aaaa aaa aa a", "banana bandana", "nanana"], [" ".join(SENTENCES) * 3]])
def test_byte_pairs_are_learnt_as_the_definition_says(texts):
    assert list(T.BytePairs(texts, 260 + 60).merges) == naive_merges(texts, 60)


def test_byte_pairs_stay_what_attention_was_trained_on():
    assert T.BytePairs(SENTENCES, 330).encode(SENTENCES[0]) == [
        *(270, 279, 296, 36, 260, 278, 297, 274, 293, 281, 278, 280, 50),
    ]


@pytest.mark.real_data
def test_byte_pairs_of_multi30k_stay():
    if not (data_root() / "multi30k").is_dir():
        pytest.skip(f"real Multi30k is not under {data_root()}")
    corpus = translation.load_multi30k()
    codec = T.BytePairs(corpus.val.source + corpus.val.target, 1000)
    ids = [codec.encode(text) for text in corpus.test.source + corpus.test.target]
    assert hashlib.sha256(json.dumps(ids).encode()).hexdigest().startswith("fb1b95675cac0288")


def test_byte_pairs_bring_every_text_back():
    codec, rng = T.BytePairs(SENTENCES, 330), random.Random(0)
    texts = [*SENTENCES, "", " ", "  a\n\tb ", "漢字 🙂🇩🇪 e\u0301", "\u0000\u2028\u3000", "it's <eos> <pad>"]
    letters = list(map(chr, [*range(0x300), *range(0x2000, 0x2100), *range(0x1F600, 0x1F640)]))
    texts += ["".join(rng.choices(letters, k=rng.randrange(1, 40))) for _ in range(300)]
    for text in texts:
        ids = codec.encode(text)
        assert codec.decode([T.BOS, *ids, T.EOS, 77]) == text
        assert min(ids, default=4) >= 4 and max(ids, default=4) < len(codec)
        assert len(ids) <= len(text.encode())
    assert len(codec.encode(SENTENCES[0])) < len(SENTENCES[0]) / 1.5
    assert codec.pieces(codec.encode("Ein Mann")) == ["Ein", " Mann"]
    assert codec.words(codec.encode("Ein Mann.")) == ["ein", "mann", "."]
    assert codec.decode([4 + 0xC3]) == "�"
    with pytest.raises(ValueError, match="size is 259; expected 260 or more"):
        T.BytePairs(SENTENCES, 259)


@pytest.mark.parametrize(
    ("number", "german", "english"),
    [
        (0, "null", "zero"),
        (1, "eins", "one"),
        (21, "ein und zwanzig", "twenty one"),
        (30, "dreißig", "thirty"),
        (101, "ein hundert eins", "one hundred one"),
        (321, "drei hundert ein und zwanzig", "three hundred twenty one"),
        (1000, "ein tausend", "one thousand"),
        (17_000, "siebzehn tausend", "seventeen thousand"),
        (101_001, "ein hundert ein tausend eins", "one hundred one thousand one"),
        (
            701_986,
            "sieben hundert ein tausend neun hundert sechs und achtzig",
            "seven hundred one thousand nine hundred eighty six",
        ),
    ],
)
def test_numbers_in_words(number, german, english):
    assert translation.in_german(number) == german and translation.in_english(number) == english


def test_the_toy_task():
    corpus = translation.load_numbers(300, 50, 60)
    assert [len(split.source) for split in corpus[1:]] == [300, 50, 60] and "generated" in corpus.name
    assert corpus == translation.load_numbers(300, 50, 60) != translation.load_numbers(300, 50, 60, seed=1)
    everything = [text for split in corpus[1:] for text in split.target]
    assert len(set(everything)) == 410
    assert (
        len({translation.in_english(n) for n in range(2000)})
        == len({translation.in_german(n) for n in range(2000)})
        == 2000
    )


@pytest.mark.real_data
def test_multi30k_is_the_real_thing():
    if not (data_root() / "multi30k").is_dir():
        pytest.skip(f"real Multi30k is not under {data_root()}")
    corpus = translation.load_multi30k()
    assert [len(split.source) for split in corpus[1:]] == [29_000, 1_014, 1_000]
    assert corpus.train.source[0] == "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche."
    assert corpus.train.target[0] == "Two young, White males are outside near many bushes."


def test_multi30k_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    monkeypatch.setattr(translation, "MULTI30K_ADDRESSES", ("http://127.0.0.1:9/",))
    with pytest.raises(DataError, match=r"train\.de\.gz could not be downloaded(.|\n)*put it here(.|\n)*quick"):
        translation.load_multi30k()
    folder = tmp_path / "multi30k"
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / "train.de.gz", "wt") as file:
        file.write("Nicht das Original.\n")
    with pytest.raises(DataError, match="could not be downloaded"):
        translation.load_multi30k()


def loader(max_tokens=60, **options):
    corpus = translation.load_numbers(300, 10, 10)
    source, target = T.Words(corpus.train.source, 1), T.Words(corpus.train.target, 1)
    return corpus, source, target, translation.PairLoader(corpus.train, source, target, max_tokens, "cpu", **options)


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_every_pair_once_and_obey_the_limit(shuffle):
    corpus, source, target, batches = loader(shuffle=shuffle)
    for _ in range(2):
        served, lengths = [], []
        for src, tgt in batches:
            assert src.numel() <= 60 and tgt.numel() <= 60 and len(src) == len(tgt)
            assert (
                (tgt[:, 0] == T.BOS).all() and ((src == T.EOS).sum(1) == 1).all() and ((tgt == T.EOS).sum(1) == 1).all()
            )
            assert (src[:, -1] != T.PAD).any() and (tgt[:, -1] != T.PAD).any()  # no wider than its longest sentence
            served += [(source.decode(s.tolist()), target.decode(t.tolist())) for s, t in zip(src, tgt)]
            lengths.append(max(src.shape[1], tgt.shape[1]))
        assert sorted(served) == sorted(zip(corpus.train.source, corpus.train.target))
        assert len(lengths) == len(batches) and (lengths == sorted(lengths)) != shuffle
    assert batches.tokens == sum(len(T.words(text)) + 1 for text in corpus.train.target)


def test_an_epoch_of_text_can_be_repeated_exactly():
    first, second = loader(shuffle=True)[3], loader(shuffle=True)[3]
    a, b = list(first), list(first)
    second.epoch = 1
    assert all(torch.equal(x, y) for p, q in zip(b, second) for x, y in zip(p, q))
    assert not all(torch.equal(x, y) for p, q in zip(a, b) for x, y in zip(p, q))
    assert first.describe() == second.describe() != loader(shuffle=True, seed=1)[3].describe()


def test_bad_pairs():
    with pytest.raises(ValueError, match="more than max_tokens = 5"):
        loader(max_tokens=5)
    with pytest.raises(ValueError, match="no pairs"):
        translation.PairLoader(translation.Pairs([], []), T.Words([]), T.Words([]), 10, "cpu")
    assert T.pad_together([[], []]).shape == (2, 1) and T.pad_together([[5], [6, 7]]).tolist() == [
        [5, 0],
        [6, 7],
    ]


def test_bleu_by_hand():
    assert translation.bleu([list("abcdef")], [list("abcdef")]) == pytest.approx(100)
    assert translation.bleu([list("abcx")], [list("abcd")]) == 0.0  # no run of four
    # "the the the the": one "the" counts at most as often as in the reference
    assert translation.bleu([["the"] * 4], [["the", "cat"]], longest=1) == pytest.approx(25)
    assert translation.bleu([[]], [["a"]]) == 0.0
    with pytest.raises(ValueError, match="1 answers for 2 references"):
        translation.bleu([["a"]], [["a"], ["b"]])


@pytest.mark.parametrize("seed", range(6))
def test_bleu_is_sacrebleus(seed):
    rng = random.Random(seed)
    references = [[rng.choice("abcde") for _ in range(rng.randrange(4, 20))] for _ in range(30)]
    answers = [[w if rng.random() < 0.8 else "x" for w in ref[: rng.randrange(2, 22)]] for ref in references]
    if seed % 2:
        answers = [[*a, "y", "a", "b"] for a in answers]  # longer than the references
    theirs = sacrebleu.corpus_bleu(
        [" ".join(a) for a in answers], [[" ".join(r) for r in references]], tokenize="none", smooth_method="none"
    )
    assert translation.bleu(answers, references) == pytest.approx(theirs.score, abs=1e-9)
