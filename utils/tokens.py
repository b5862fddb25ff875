"""Text as tokens: a vocabulary of words, byte-pair encoding, and batches padded to one length."""

import collections
import heapq
import math
import re

import torch

PAD, BOS, EOS, UNK = range(4)
SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
CHUNK = re.compile(r"\s?\w+|\s?[^\w\s]+|\s+")  # every character of a text lies in exactly one chunk


def words(text):
    """Lower-cased words and punctuation marks: "It's a dog." -> ["it's", "a", "dog", "."]."""
    return WORD.findall(text.lower())


class Words:
    """A vocabulary of the words that occur at least `min_count` times in `texts`, the commonest first.

    Token 0 is padding, 1 the beginning, 2 the end, 3 any word that is not known.
    """

    def __init__(self, texts, min_count=2):
        counts = collections.Counter(word for text in texts for word in words(text))
        known = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
        self.tokens = [*SPECIALS, *known]
        self.index = {word: i for i, word in enumerate(self.tokens)}

    def __len__(self):
        return len(self.tokens)

    def encode(self, text):
        """A text as a list of tokens, without beginning and end."""
        return [self.index.get(word, UNK) for word in words(text)]

    def words(self, ids):
        """Tokens as a list of words: up to the end, without beginning and padding."""
        return [self.tokens[i] for i in until_end(ids)]

    def decode(self, ids):
        """Tokens as a text, words set apart by spaces."""
        return " ".join(self.words(ids))


class BytePairs:
    """Byte-pair encoding (Sennrich et al. 2016) over bytes: no text is unknown, and every text comes back as it was.

    The first tokens are the four special ones, then the 256 bytes; each merge of two tokens, learnt from `texts` until
    there are `size`, is one more. Merges stay inside a word with the space before it. Raises ValueError for a size
    under 260.
    """

    def __init__(self, texts, size):
        if size < len(SPECIALS) + 256:
            raise ValueError(
                f"size is {size}; expected {len(SPECIALS) + 256} or more: the special tokens and the bytes"
            )
        self.bytes = [*(b"" for _ in SPECIALS), *(bytes([i]) for i in range(256))]
        chunks = collections.Counter(chunk for text in texts for chunk in CHUNK.findall(text))
        self.merges = learn_merges([[as_tokens(chunk), n] for chunk, n in chunks.items()], self.bytes, size)
        self.known = {}

    def __len__(self):
        return len(self.bytes)

    def encode(self, text):
        """A text as a list of tokens, without beginning and end."""
        ids = []
        for chunk in CHUNK.findall(text):
            if chunk not in self.known:
                self.known[chunk] = apply_merges(as_tokens(chunk), self.merges)
            ids += self.known[chunk]
        return ids

    def decode(self, ids):
        """Tokens as a text; bytes that are no UTF-8 become �."""
        return b"".join(self.bytes[i] for i in until_end(ids)).decode("utf-8", errors="replace")

    def words(self, ids):
        """Tokens as a list of words, for BLEU."""
        return words(self.decode(ids))

    def pieces(self, ids):
        """Each token as a text of its own, for the axes of a plot."""
        return [self.bytes[i].decode("utf-8", errors="replace") for i in until_end(ids)]


def as_tokens(chunk):
    """The bytes of a text as tokens."""
    return [len(SPECIALS) + byte for byte in chunk.encode("utf-8")]


def learn_merges(chunks, pieces, size):
    """Merge the commonest pair of neighbours, again and again, until there are `size` tokens: {pair: new token}.

    `chunks` are [tokens, count], `pieces` the bytes of each token; both are changed in place. A new token's number is
    the length that `pieces` had. Of pairs that are equally common the smaller comes first.
    """
    merges, counts, where = {}, collections.Counter(), collections.defaultdict(set)
    for i, (tokens, n) in enumerate(chunks):
        for pair in zip(tokens, tokens[1:]):
            counts[pair] += n
            where[pair].add(i)
    heap = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(heap)
    while heap and len(pieces) < size:
        n, pair = heapq.heappop(heap)
        if -n != counts[pair]:  # it has changed since: back with the number that is true now
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        if n > -2:
            break  # what occurs once is not worth a token
        merges[pair] = len(pieces)
        pieces.append(pieces[pair[0]] + pieces[pair[1]])
        for i in where.pop(pair):
            tokens, times = chunks[i]
            merged = merge(tokens, pair, merges[pair])
            for old in zip(tokens, tokens[1:]):
                counts[old] -= times
            for new in zip(merged, merged[1:]):
                counts[new] += times
                where[new].add(i)
                heapq.heappush(heap, (-counts[new], new))
            chunks[i][0] = merged
    return merges


def apply_merges(tokens, merges):
    """Apply the merges of `learn_merges` to a list of tokens in the order in which they were learnt."""
    while len(tokens) > 1:
        first = min(zip(tokens, tokens[1:]), key=lambda pair: merges.get(pair, math.inf))
        if first not in merges:
            break
        tokens = merge(tokens, first, merges[first])
    return tokens


def merge(tokens, pair, new):
    """`tokens` with every occurrence of `pair`, from the left, replaced by `new`."""
    merged, i = [], 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
            merged.append(new)
            i += 2
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def until_end(ids):
    """Tokens up to the end, without beginning and padding."""
    ids = list(ids)
    return [i for i in (ids[: ids.index(EOS)] if EOS in ids else ids) if i not in (PAD, BOS)]


def pad_together(sentences, device="cpu"):
    """Lists of tokens -> int64 (B, longest), filled up with padding; at least one column."""
    longest = max(map(len, sentences), default=0)
    return torch.tensor([[*s, *[PAD] * (max(longest, 1) - len(s))] for s in sentences], device=device)
