"""GPT-2's byte-level byte-pair encoding: its splitting rule, trained on a text or read from files; GPT-2's weights.

    split(text)                  a text cut into words, numbers and punctuation, as GPT-2 does before any merge
    BytePairEncoder              text -> tokens -> text; trained, or read from vocab.json and merges.txt
    load_gpt2_encoder()          GPT-2's published encoder, downloaded once (1.5 MB)
    load_gpt2_weights()          GPT-2's published weights (124 M parameters), downloaded once (548 MB)

The merging itself is that of utils/tokens.py.
"""

import collections
import json
import re
import unicodedata

from utils.files import data_root, download, safetensors_reader
from utils.tokens import apply_merges, learn_merges

END = "<|endoftext|>"
# GPT-2's rule says \p{L}, \p{N} and \s, which Python's `re` does not know for all of Unicode. So each character that is
# not ASCII is replaced by an ASCII one of its kind, and this rule finds where to cut.
RULE = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+", re.ASCII)
PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]  # bytes that stand for themselves in files
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
LETTERS = {**{byte: chr(byte) for byte in PRINTABLE}, **{byte: chr(256 + i) for i, byte in enumerate(OTHERS)}}
BYTES = {letter: byte for byte, letter in LETTERS.items()}  # in the order in which GPT-2 numbers them

GPT2_COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
GPT2_ADDRESS = f"https://huggingface.co/openai-community/gpt2/resolve/{GPT2_COMMIT}/"
OPENAI_ADDRESS = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/"
GPT2_FILES = {  # name: (addresses, SHA-256)
    "vocab.json": (
        (GPT2_ADDRESS + "vocab.json", OPENAI_ADDRESS + "encoder.json"),
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    ),
    "merges.txt": (
        (GPT2_ADDRESS + "merges.txt", OPENAI_ADDRESS + "vocab.bpe"),
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    ),
    "model.safetensors": (
        (GPT2_ADDRESS + "model.safetensors",),
        "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
    ),
}


class Kinds(dict):
    """For `str.translate`: ASCII as it is, of other characters "a" for letters, "0" for numbers, a tab for spaces."""

    def __missing__(self, code):
        kind = unicodedata.category(chr(code))[0]
        if code < 128:
            self[code] = chr(code)
        elif kind == "Z" or code == 0x85:
            self[code] = "\t"
        else:
            self[code] = {"L": "a", "N": "0"}.get(kind, "!")
        return self[code]


KINDS = Kinds()


def split(text):
    """A text in the pieces inside which merges stay: "it's 2 o'clock" -> it, 's, ␣2, ␣o, ', clock. Nothing is lost.

    A piece is a contraction, or a run of letters, of numbers or of other characters, each with the space before it; or
    a run of white space, which leaves its last space to the word that follows.
    """
    return [text[match.start() : match.end()] for match in RULE.finditer(text.translate(KINDS))]


class BytePairEncoder:
    """Byte-level byte-pair encoding: every text is known, and comes back from its tokens as it was.

    merges   pairs of bytes objects in the order in which they are applied
    numbers  {bytes: token} for all 256 single bytes and all that the merges make
    special  {text: token} for tokens that no text is encoded to, such as the end of a text

    `end` is the token of <|endoftext|>, None where there is none. Raises ValueError where a token is missing, and for
    a merge of what no merge before it makes.
    """

    def __init__(self, merges, numbers, special=()):
        self.special = dict(special)
        self.end = self.special.get(END)
        pieces = [bytes([byte]) for byte in range(256)]  # inside, tokens are numbered so: by byte, then by merge
        inside = {piece: i for i, piece in enumerate(pieces)}
        self.merges = {}
        for number, (first, second) in enumerate(merges):
            for piece in (first, second):
                if piece not in inside:
                    raise ValueError(f"merge {number} joins {piece!r}, which no merge before it makes")
            self.merges[inside[first], inside[second]] = len(pieces)
            inside.setdefault(first + second, len(pieces))
            pieces.append(first + second)
        missing = [piece for piece in pieces if piece not in numbers]
        if missing:
            raise ValueError(f"the vocabulary lacks a token for {missing[0]!r} and {len(missing) - 1} more")
        self.numbers = [numbers[piece] for piece in pieces]
        self.bytes = {token: piece for piece, token in numbers.items()}
        self.bytes |= {token: text.encode() for text, token in self.special.items()}
        self.known = {}

    @classmethod
    def train(cls, texts, size):
        """An encoder of up to `size` tokens, learnt from `texts`: the bytes, merges, and <|endoftext|> as the last.

        Raises ValueError for a size under 257.
        """
        if size < 257:
            raise ValueError(f"size is {size}; expected 257 or more: the bytes and the end of a text")
        chunks = collections.Counter(chunk for text in texts for chunk in split(text))
        pieces = [bytes([byte]) for byte in range(256)]
        pairs = learn_merges([[list(chunk.encode()), n] for chunk, n in chunks.items()], pieces, size - 1)
        numbers = {bytes([byte]): i for i, byte in enumerate(BYTES.values())}
        for piece in pieces:
            numbers.setdefault(piece, len(numbers))
        return cls([(pieces[a], pieces[b]) for a, b in pairs], numbers, {END: len(numbers)})

    @classmethod
    def from_files(cls, vocab, merges):
        """Read the two files that GPT-2 was published with: vocab.json and merges.txt (encoder.json and vocab.bpe).

        Raises ValueError where they do not belong together.
        """
        with open(merges, encoding="utf-8") as file:
            lines = [line for line in file.read().split("\n") if line and not line.startswith("#version")]
        with open(vocab, encoding="utf-8") as file:
            tokens = json.load(file)
        pairs = [line.split(" ") for line in lines]
        for number, pair in enumerate(pairs):
            if len(pair) != 2 or not set("".join(pair)) <= BYTES.keys():
                raise ValueError(f"{merges}: merge {number} is {' '.join(pair)!r}; expected two tokens")
        made = {*BYTES, *("".join(pair) for pair in pairs)}
        numbers = {as_bytes(token): number for token, number in tokens.items() if token in made}
        special = {token: number for token, number in tokens.items() if token not in made}
        return cls([(as_bytes(first), as_bytes(second)) for first, second in pairs], numbers, special)

    def save(self, vocab, merges):
        """Write the two files that `from_files`, and other libraries, read."""
        pieces = [self.bytes[token] for token in self.numbers]
        tokens = {as_letters(piece): token for piece, token in zip(pieces, self.numbers)} | self.special
        with open(vocab, "w", encoding="utf-8") as file:
            json.dump(dict(sorted(tokens.items(), key=lambda item: item[1])), file, ensure_ascii=False)
        lines = [" ".join(as_letters(pieces[part]) for part in pair) for pair in self.merges]
        with open(merges, "w", encoding="utf-8") as file:
            file.write("\n".join(["#version: 0.2", *lines, ""]))

    def __len__(self):
        return len(self.bytes)

    def encode(self, text):
        """A text as a list of tokens. <|endoftext|> inside it is a text like any other; half surrogates become �."""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        tokens = []
        for chunk in split(text):
            if chunk not in self.known:
                self.known[chunk] = [self.numbers[i] for i in apply_merges(list(chunk.encode()), self.merges)]
            tokens += self.known[chunk]
        return tokens

    def decode(self, tokens):
        """Tokens as a text; bytes that are no UTF-8 become �. Raises ValueError for an unknown token."""
        tokens = [int(token) for token in tokens]
        unknown = [token for token in tokens if token not in self.bytes]
        if unknown:
            raise ValueError(f"token {unknown[0]} is unknown; expected one of the {len(self)} of this encoder")
        return b"".join(self.bytes[token] for token in tokens).decode("utf-8", errors="replace")

    def pieces(self, tokens):
        """Each token as a text of its own."""
        return [self.decode([token]) for token in tokens]


def as_bytes(letters):
    """What GPT-2's files write for some bytes, as these bytes: "Ġthe" -> b" the"."""
    return bytes(BYTES[letter] for letter in letters)


def as_letters(piece):
    """The other way round: b" the" -> "Ġthe"."""
    return "".join(LETTERS[byte] for byte in piece)


def gpt2_file(name):
    """The path of a file of GPT-2 under the data folder, downloaded if need be. Raises DataError where that fails."""
    addresses, sha256 = GPT2_FILES[name]
    return download(addresses, data_root() / "gpt2" / name, sha256)


def load_gpt2_encoder():
    """GPT-2's encoder, with its 50,257 tokens. Raises DataError when its files cannot be fetched."""
    return BytePairEncoder.from_files(gpt2_file("vocab.json"), gpt2_file("merges.txt"))


def load_gpt2_weights():
    """The weights of the smallest GPT-2 as OpenAI published them, {name: tensor}, for `from_huggingface`.

    Raises DataError when the file cannot be fetched, or the package `safetensors` is missing.
    """
    read = safetensors_reader()  # before 548 MB are fetched
    return read(gpt2_file("model.safetensors"))
