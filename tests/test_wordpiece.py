"""WordPiece: BERT's basic tokenisation and its pieces, equal to `tokenizers` and `transformers` on any text."""

import math
import random
import unicodedata

import pytest
import tokenizers
import transformers

from architectures.bert.wordpiece import SPECIALS, WordPiece, basic_words, learn_pieces

TEXT = """The quick brown foxes jumped over the lazy dogs, and the dogs did not mind at all.
Jumping is what foxes do; sleeping is what lazy dogs do. "Don't you think so?" said the brownest of the foxes.
Naïve cafés über alles: déjà vu! 東京は日本の首都です。 Ελληνικά ΟΔΟΣ οδός. Привет, мир! 1,234.56 $ and 99% of it."""
NASTY = [
    "",
    " \t\n ",
    "[MASK]",
    "a[MASK]b [SEP][CLS] [mask] [ MASK ] [UNK] [PAD]",
    "\x00a\ufffdb\x7f\x85c\u200bd\u00ade\u2028f\u2029g\u3000h\u00a0i\ufeff\u2060",
    "İstanbul ISTANBUL ıi ǅ ẞ ß ﬁ Σς ΟΔΟΣ σ",
    "é e\u0301 \u0301 a\u0301\u0302\u0303 ở ñ Å \u212b ö̈ \u0344",
    "한국어 각 \u1100\u1161\u11a8 मराठी ภาษาไทย عربى עִבְרִית",
    "漢字かな㐀𠀀𪜀豈丽混ぜmixed漢a字b",
    "don't rock-n-roll... a.b,c;d:e!?(f)[g]{h}<i>=j+k^l`m|n~o_p@q#r$s%t&u*v/w\\x\"y",
    "“quotes” ‘single’ «guille» – — … ¿¡ § ¶ † ‡ • ‰ ₠ € £ ¥ × ÷ ± ° ™ © ¤ ´ ¨ ˜",
    "😀 👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ ☃ ♞ 𝔘𝔫𝔦 ① ½ ² ⅷ",
    "x" * 100,
    "x" * 101,
    "the" * 34,
    "##the ## # ##",
    "un\tbreak\r\nable\x0b\x0c\x1c\x1d\x1e\x1f",
    "\u0e33\u0f77 \u1e9b\u0323 \ufb1d \u0958 \U0001d15e",
    "a\u0300b\u0301c " * 30,
]


def random_texts(count, seed=0):
    """Texts of random characters: known words, ASCII, one block of Unicode, or all of it."""
    draw = random.Random(seed)
    words = TEXT.split()

    def character():
        kind = draw.random()
        if kind < 0.3:
            return chr(draw.randrange(128))
        if kind < 0.6:
            return chr(draw.choice((0x80, 0x300, 0x370, 0x400, 0x1E00, 0x2000, 0x3000, 0x4E00)) + draw.randrange(256))
        return chr(draw.choice((draw.randrange(0xD800), draw.randrange(0xE000, 0x110000))))

    for _ in range(count):
        pieces = [draw.choice(words) if draw.random() < 0.4 else character() for _ in range(draw.randint(1, 40))]
        yield draw.choice(("", " ")).join(pieces)


@pytest.fixture(scope="module")
def vocabularies():
    """One of each kind, trained on the text; characters that no text holds are unknown to both sides."""
    return {lower: WordPiece.train([TEXT], 260, lower=lower) for lower in (True, False)}


def theirs(encoder):
    """The same vocabulary in `tokenizers`."""
    model = tokenizers.models.WordPiece(encoder.numbers, unk_token="[UNK]", max_input_chars_per_word=100)
    other = tokenizers.Tokenizer(model)
    other.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=encoder.lower)
    other.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    other.add_special_tokens(list(SPECIALS))
    return other


@pytest.mark.parametrize("lower", [True, False])
def test_tokens_equal_those_of_tokenizers(vocabularies, lower, disputed):
    encoder = vocabularies[lower]
    other = theirs(encoder)
    texts = [*NASTY, TEXT, *random_texts(600, seed=int(lower))]
    known = 0
    for text in texts:
        text = "".join(c for c in text if c not in disputed)
        found = encoder.encode(text)
        assert found == other.encode(text, add_special_tokens=False).ids, ascii(text)
        known += sum(token != encoder.unk for token in found)
    assert known > 3000


@pytest.mark.parametrize("lower", [True, False])
def test_tokens_equal_those_of_transformers(vocabularies, lower, disputed, tmp_path):
    encoder = vocabularies[lower]
    encoder.save(tmp_path / "vocab.txt")
    other = transformers.BertTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=lower)
    for text in [*NASTY, TEXT, *random_texts(300, seed=7)]:
        text = "".join(c for c in text if c not in disputed)
        assert encoder.encode(text) == other.encode(text, add_special_tokens=False), ascii(text)
    first, second = "the quick foxes", "do not mind"
    framed = other(first, second)
    assert encoder.frame(encoder.encode(first), encoder.encode(second)) == (framed.input_ids, framed.token_type_ids)
    framed = other(first)
    assert encoder.frame(encoder.encode(first)) == (framed.input_ids, framed.token_type_ids)


@pytest.fixture(scope="module")
def disputed():
    """Characters about which Python's and `tokenizers`' tables of Unicode disagree, alone between two letters."""
    pre_tokenizer, found = tokenizers.pre_tokenizers.BertPreTokenizer(), set()
    codes = [*range(0xD800), *range(0xE000, 0x32400), *range(0xE0000, 0xE0400), *range(0x32400, 0x110000, 997)]
    for lower in (True, False):
        normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lower)

        def differ(codes, lower=lower, normalizer=normalizer):
            text = " ".join(f"a{chr(code)}b" for code in codes)
            expected = pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))
            return basic_words(text, lower) != [word for word, _ in expected]

        for start in range(0, len(codes), 256):
            chunk = codes[start : start + 256]
            if differ(chunk):
                found |= {chr(code) for code in chunk if differ([code])}
    return found


def test_every_character_is_treated_as_by_tokenizers(disputed):
    """All that is assigned in Unicode, but for what is newer than one side's tables, or changed its kind since."""
    changed = {"\u166d", "\u1734", "\u1885", "\u1886"}  # were punctuation, a non-spacing mark, letters
    newer = {c for c in disputed if unicodedata.ucd_3_2_0.category(c) == "Cn"}
    assert disputed - newer <= changed, sorted(map(ascii, disputed - newer - changed))
    assert len(disputed) < 1000


def test_what_is_not_assigned_stays():
    assert basic_words("a\u0378b") == ["a\u0378b"] and basic_words("a\ue000b") == ["ab"]


def test_basic_words_by_hand():
    assert basic_words("Héllo, WORLD!") == ["hello", ",", "world", "!"]
    assert basic_words("Héllo, WORLD!", lower=False) == ["Héllo", ",", "WORLD", "!"]
    assert basic_words("$5 state-of-the-art") == ["$", "5", "state", "-", "of", "-", "the", "-", "art"]
    assert basic_words("日本語です", lower=False) == ["日", "本", "語", "です"]
    assert basic_words("\x00 \ufffd") == []


def test_words_are_cut_into_the_longest_pieces():
    pieces = [*SPECIALS, "un", "unaff", "##aff", "##able", "##ab", "##le", "a", "##a", "b"]
    encoder = WordPiece(pieces)

    def cut(text):
        return [encoder.pieces[token] for token in encoder.encode(text)]

    assert cut("unaffable") == ["unaff", "##able"]  # not un ##aff ##able: the longest comes first
    assert cut("unable aab") == ["un", "##able", "a", "##ab"]
    assert cut("unx b") == ["[UNK]", "b"]  # a word is known as a whole or not at all
    assert cut("ab abx") == ["[UNK]", "[UNK]"]  # there is no ##b
    assert cut("[MASK] b[MASK]") == ["[MASK]", "b", "[MASK]"]
    assert encoder.words(encoder.frame(encoder.encode("unaffable b"))[0]) == (["unaffable", "b"], [[1, 2], [3]])
    assert encoder.decode([2, 6, 8, 13, 3, 0, 0]) == "unaffable b"


def test_decoding_returns_the_words(vocabularies):
    encoder = vocabularies[True]
    text = "the lazy foxes jumped , and did not mind ."
    assert encoder.decode(encoder.encode(text)) == text
    with pytest.raises(ValueError, match="token 999 is unknown; expected 0 to"):
        encoder.decode([999])


def test_training_joins_what_makes_the_text_most_probable():
    """Words abab and cd: ##b follows a or ##a always; the gains are computed by hand."""
    counts = {"ab": 10, "ac": 2, "cb": 1}
    # characters: a 12, ##b 11, ##c 2, c 1; N = 26
    gains = {
        ("a", "##b"): 10 * math.log(10 * 26 / (12 * 11)),
        ("a", "##c"): 2 * math.log(2 * 26 / (12 * 2)),
        ("c", "##b"): 1 * math.log(1 * 26 / (1 * 11)),
    }
    assert max(gains, key=gains.get) == ("a", "##b")
    assert learn_pieces(counts, 5) == ["##b", "##c", "a", "c", "ab"]
    # then a 2, ##b 1, ##c 2, ab 10: ac is worth 2 log(2 · 26 / (2 · 2)), and cb occurs once
    assert learn_pieces(counts, 9) == ["##b", "##c", "a", "c", "ab", "ac"]
    # where both halves are common anyway, a pair that occurs more often is worth less than a faithful one
    counts = {"ab": 9, "a": 60, "b": 3, "xb": 60, "pq": 8}
    assert learn_pieces(counts, 12)[6:] == ["xb", "pq", "ab"]


def test_a_trained_vocabulary_is_that_of_the_words_it_saw(vocabularies):
    encoder = vocabularies[True]
    assert 120 < len(encoder) < 260 and encoder.pieces[:5] == list(SPECIALS)
    assert len(set(encoder.pieces)) == len(encoder)
    shorter = WordPiece.train([TEXT], len(encoder) - 5)
    assert shorter.pieces == encoder.pieces[:-5]
    assert encoder.unk not in encoder.encode(TEXT)
    assert WordPiece.train([TEXT], 260).pieces == encoder.pieces
    assert len(encoder.encode("the foxes")) == 2 < len(encoder.encode("fxoes"))
    assert any(piece != piece.lower() for piece in vocabularies[False].pieces[5:])
    assert WordPiece.train(["aa"], 100).pieces == [*SPECIALS, "##a", "a"]  # what occurs once is not worth a token


def test_files_come_back(vocabularies, tmp_path):
    encoder = vocabularies[True]
    encoder.save(tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_text(encoding="utf-8").startswith("[PAD]\n[UNK]\n[CLS]\n")
    assert WordPiece.from_file(tmp_path / "vocab.txt").pieces == encoder.pieces
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\nthe\n[CLS]\n[SEP]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocabulary of 5 tokens lacks \[MASK\]"):
        WordPiece.from_file(tmp_path / "vocab.txt")
    (tmp_path / "vocab.txt").write_text("[PAD]\nthe\n[MASK]\n[UNK]\n[CLS]\n[SEP]", encoding="utf-8")
    moved = WordPiece.from_file(tmp_path / "vocab.txt")  # as published, the special ones stand anywhere
    assert (moved.pad, moved.mask, moved.unk, moved.cls, moved.sep) == (0, 2, 3, 4, 5)
    assert moved.encode("the [MASK] fox") == [1, 2, 3]


def test_sizes_that_make_no_sense():
    with pytest.raises(ValueError, match=r"characters and marks do not fit into 5 tokens"):
        WordPiece.train([TEXT], 10)
    with pytest.raises(ValueError, match="hold no words"):
        WordPiece.train(["", " "], 100)
