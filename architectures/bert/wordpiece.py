"""WordPiece, BERT's subwords: a text cut into words, words into pieces; trained on a text or read from a vocab.txt.

    basic_words(text)            lower case, no accents, words and punctuation apart (BERT's basic tokenisation)
    WordPiece                    text -> tokens -> text; trained, or read from a published vocab.txt
    learn_pieces(counts, size)   a vocabulary from counted words

"unaffable" becomes un ##aff ##able: a piece that goes on with a word begins with ##. The standard library alone.
"""

import collections
import heapq
import math
import re
import string
import unicodedata

PAD, UNK, CLS, SEP, MASK = SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST = 100  # characters of a word; longer ones are unknown
CHINESE = (  # the blocks of Chinese characters, each of which is a word
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),  # the published code begins at 2B820, `tokenizers` and `transformers` here
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class Cleaned(dict):
    """For `str.translate`: white space becomes a space, control characters and U+FFFD vanish, Chinese gets spaces."""

    def __missing__(self, code):
        character = chr(code)
        kind = unicodedata.category(character)
        if character in "\t\n\r" or kind[0] == "Z":
            self[code] = " "
        elif kind in ("Cc", "Cf", "Co", "Cs") or code == 0xFFFD:  # what is not assigned stays
            self[code] = ""
        else:
            self[code] = f" {character} " if any(low <= code <= high for low, high in CHINESE) else character
        return self[code]


CLEANED = Cleaned()


def is_punctuation(character):
    """Whether a character is a word of its own: Unicode's punctuation, and all of ASCII's symbols, such as $ and ^."""
    return character in string.punctuation or unicodedata.category(character)[0] == "P"


def basic_words(text, lower=True):
    """BERT's basic tokenisation: "Héllo, WORLD!" -> hello , world !

    Control characters vanish, and each Chinese character and punctuation mark is a word of its own. With `lower`, for
    "uncased" vocabularies, letters become lower case and lose their accents. Python's `unicodedata` says what each
    character is; the older tables of `tokenizers` lack some, and a few have changed their kind since.
    """
    text = text.translate(CLEANED)
    if lower:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
        text = "".join(map(str.lower, text))  # one by one: `text.lower()` would treat a sigma by its neighbours
    words = []
    for run in text.split():
        start = 0
        for i, character in enumerate(run):
            if is_punctuation(character):
                words += [run[start:i], character] if start < i else [character]
                start = i + 1
        if start < len(run):
            words.append(run[start:])
    return words


class WordPiece:
    """BERT's tokens: each word is cut into the longest pieces of the vocabulary, from the left.

    pieces  all tokens in the order of their numbers; the five special ones are among them
    lower   whether the vocabulary is "uncased"

    A word that cannot be cut, or has more than 100 characters, is [UNK]. `pad`, `unk`, `cls`, `sep`, `mask` are the
    numbers of the special tokens. Raises ValueError where one of them is missing.
    """

    def __init__(self, pieces, lower=True):
        self.pieces, self.lower = list(pieces), lower
        self.numbers = {piece: number for number, piece in enumerate(self.pieces)}
        missing = [special for special in SPECIALS if special not in self.numbers]
        if missing:
            raise ValueError(f"the vocabulary of {len(self.pieces)} tokens lacks {', '.join(missing)}")
        self.pad, self.unk, self.cls, self.sep, self.mask = (self.numbers[special] for special in SPECIALS)
        self.longest = max(map(len, self.pieces))
        self.known = {}

    @classmethod
    def train(cls, texts, size, lower=True):
        """A vocabulary of up to `size` tokens from `texts`: the special tokens, the characters, the learned pieces.

        Raises ValueError where `size` is too small for the characters, and for texts without words.
        """
        counts = collections.Counter(word for text in texts for word in basic_words(text, lower))
        return cls([*SPECIALS, *learn_pieces(counts, size - len(SPECIALS))], lower)

    @classmethod
    def from_file(cls, path, lower=True):
        """Read a vocab.txt as BERT was published with: a token a line, its number is that of the line, from 0.

        `lower` is True for the uncased ones. Raises ValueError where a special token is missing.
        """
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return cls(text.removesuffix("\n").split("\n"), lower)

    def save(self, path):
        """Write the vocab.txt that `from_file`, and other libraries, read."""
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write("".join(f"{piece}\n" for piece in self.pieces))

    def __len__(self):
        return len(self.pieces)

    def cut(self, word):
        """A word as a list of numbers, the longest known piece first; [UNK] alone where nothing fits."""
        if word in self.known:
            return self.known[word]
        tokens, start = [], 0
        while start < len(word) <= LONGEST:
            mark = "##" if start else ""
            ends = range(min(len(word), start + self.longest), start, -1)
            end = next((end for end in ends if mark + word[start:end] in self.numbers), None)
            if end is None:
                break
            tokens.append(self.numbers[mark + word[start:end]])
            start = end
        self.known[word] = tokens if start == len(word) else [self.unk]
        return self.known[word]

    def encode(self, text):
        """A text as a list of tokens, without [CLS] and [SEP]. A special one's name in it, "[MASK]", is that token."""
        tokens = []
        for part in SPECIAL.split(text):
            if part in SPECIALS:
                tokens.append(self.numbers[part])
            else:
                tokens += [token for word in basic_words(part, self.lower) for token in self.cut(word)]
        return tokens

    def frame(self, first, second=None):
        """One or two lists of tokens as BERT's input: ([CLS] first [SEP] second [SEP], its segments 0 … 0 1 … 1)."""
        tokens = [self.cls, *first, self.sep]
        segments = [0] * len(tokens)
        if second is not None:
            tokens, segments = [*tokens, *second, self.sep], segments + [1] * (len(second) + 1)
        return tokens, segments

    def decode(self, tokens):
        """Tokens as a text: pieces joined, words set apart by spaces, padding and the frame left out.

        Raises ValueError for an unknown token.
        """
        return " ".join(self.words(tokens)[0])

    def words(self, tokens):
        """The words that `tokens` spell, without the frame and padding, and each one's places among the tokens."""
        words, places = [], []
        for place, token in enumerate(tokens):
            if not 0 <= token < len(self):
                raise ValueError(f"token {token} is unknown; expected 0 to {len(self) - 1}")
            piece = self.pieces[token]
            if piece in (PAD, CLS, SEP):
                continue
            if piece.startswith("##") and words and piece != "##":
                words[-1] += piece[2:]
                places[-1].append(place)
            else:
                words.append(piece)
                places.append([place])
        return words, places


SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")


def learn_pieces(counts, size):
    """A vocabulary of at most `size` pieces that tells the words of `counts`, {word: how often}, apart well.

    All characters come first. Then the pair of neighbours is joined that makes the text most probable under its own
    piece counts, n(ab) · log(n(ab) · N / (n(a) · n(b))), again and again (Schuster & Nakajima 2012): byte-pair
    encoding counts n(ab) alone, and so joins common pieces that stand beside each other by chance. N, which changes
    little, stays the number of characters. Raises ValueError where `size` has no room for the characters, and for
    counts without words.
    """
    words = [[[w[0], *("##" + c for c in w[1:])], n] for w, n in sorted(counts.items()) if len(w) <= LONGEST]
    single, pairs = collections.Counter(), collections.Counter()
    where, beside = collections.defaultdict(set), collections.defaultdict(set)
    for i, (pieces, n) in enumerate(words):
        for piece in pieces:
            single[piece] += n
        for pair in zip(pieces, pieces[1:]):
            pairs[pair] += n
            where[pair].add(i)
            beside[pair[0]].add(pair)
            beside[pair[1]].add(pair)
    vocabulary, total = dict.fromkeys(sorted(single)), sum(single.values())
    if not vocabulary:
        raise ValueError("the texts hold no words: expected at least one")
    if len(vocabulary) > size:
        raise ValueError(
            f"{len(vocabulary)} characters and marks do not fit into {size} tokens: expected a larger size"
        )

    def gain(pair):
        n = pairs[pair]
        return n * math.log(n * total / (single[pair[0]] * single[pair[1]]))

    heap = [(-gain(pair), pair) for pair in pairs]
    heapq.heapify(heap)
    while heap and len(vocabulary) < size:
        score, pair = heapq.heappop(heap)
        if pairs[pair] < 2 or -score != gain(pair):
            continue  # it has changed since, and its new gain is in the heap as well
        if score >= 0:
            break
        joined = pair[0] + pair[1].removeprefix("##")
        vocabulary[joined] = None
        changed = {pair[0], pair[1], joined}
        for i in where.pop(pair):
            pieces, n = words[i]
            merged = join(pieces, pair, joined)
            for old in zip(pieces, pieces[1:]):
                pairs[old] -= n
            for new in zip(merged, merged[1:]):
                pairs[new] += n
                where[new].add(i)
                beside[new[0]].add(new)
                beside[new[1]].add(new)
            gone = n * (len(pieces) - len(merged))
            single[pair[0]] -= gone
            single[pair[1]] -= gone
            single[joined] += gone
            words[i][0] = merged
        for other in set().union(*(beside[piece] for piece in changed)):
            if pairs[other] > 1:
                heapq.heappush(heap, (-gain(other), other))
    return list(vocabulary)


def join(pieces, pair, joined):
    """`pieces` with every occurrence of `pair`, from the left, replaced by `joined`."""
    merged, i = [], 0
    while i < len(pieces):
        if tuple(pieces[i : i + 2]) == pair:
            merged.append(joined)
            i += 2
        else:
            merged.append(pieces[i])
            i += 1
    return merged
