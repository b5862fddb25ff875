"""Tiny Shakespeare, a generated play that needs no network, characters as tokens, and windows of a stream of tokens."""

import hashlib
import math
import random
from typing import NamedTuple

import torch

from utils import fingerprint
from utils.distributed import own_part
from utils.files import data_root, download

COMMIT = "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
ADDRESSES = (
    f"https://raw.githubusercontent.com/karpathy/char-rnn/{COMMIT}/data/tinyshakespeare/input.txt",
    f"https://cdn.jsdelivr.net/gh/karpathy/char-rnn@{COMMIT}/data/tinyshakespeare/input.txt",
)
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
NAMES = ("MARINA", "OLD SHEPHERD", "THE KING", "TOBIAS", "FIRST GUARD", "ROSALINE")
PARTS = (  # of a generated line
    ("My lord", "Good sir", "Sweet friend", "Alas", "Well then", "No", "Peace"),
    ("the moon", "this crown", "my brother", "a kind word", "the winter", "her sorrow", "that ship", "our fair town"),
    ("will find", "has lost", "must follow", "cannot hide", "shall mend", "would not leave", "still loves"),
    ("the silent sea", "your honest heart", "an empty house", "the old road", "his gentle hand", "what time has made"),
)


class Text(NamedTuple):
    """A text in two parts. `name` says whether it is real or generated."""

    name: str
    train: str
    val: str


def load_shakespeare():
    """Tiny Shakespeare: 1,003,854 characters of plays to train on, the last 111,540 for validation; downloaded once.

    Raises DataError when it cannot be fetched.
    """
    path = download(ADDRESSES, data_root() / "tinyshakespeare" / "input.txt", SHA256)
    return cut("tiny Shakespeare", path.read_text(encoding="utf-8"))


def load_toy_play(length=30_000, seed=0):
    """About `length` characters of a play made of a few words: enough to see that everything runs (generated)."""
    draw, text = random.Random(seed), ""
    while len(text) < length:
        lines = (
            "{}, {} {} {}{}\n".format(*(draw.choice(part) for part in PARTS), draw.choice(".,;!?"))
            for _ in range(draw.randint(1, 3))
        )
        text += f"{draw.choice(NAMES)}:\n{''.join(lines)}\n"
    return cut("a toy play (generated)", text)


def cut(name, text):
    """The first nine tenths of a text to train on, the rest for validation."""
    middle = int(0.9 * len(text))
    return Text(name, text[:middle], text[middle:])


class Characters:
    """Each character of a text as a token, in the order of Unicode."""

    def __init__(self, text):
        self.characters = sorted(set(text))
        self.index = {character: i for i, character in enumerate(self.characters)}

    def __len__(self):
        return len(self.characters)

    def encode(self, text):
        """A text as a list of tokens. Raises ValueError for a character that is not in the vocabulary."""
        for character in text:
            if character not in self.index:
                raise ValueError(
                    f"character {character!r} is unknown; expected one of {len(self)}: {''.join(self.characters)!r}"
                )
        return [self.index[character] for character in text]

    def decode(self, tokens):
        """Tokens as a text. Raises ValueError for a token that is not in the vocabulary."""
        tokens = [int(token) for token in tokens]
        for token in tokens:
            if not 0 <= token < len(self):
                raise ValueError(f"token {token} is unknown; expected 0 to {len(self) - 1}")
        return "".join(self.characters[token] for token in tokens)


class Windows:
    """Batches of windows of a stream of tokens: inputs and targets, int64 (B, T) each, targets one token further on.

    tokens   a list or a tensor of all tokens; `length` is T
    shuffle  for training: the windows begin at a random place below T and stand in random order, both drawn from
             (seed, epoch), so that an epoch shows nearly every token once. What does not fill a batch is left out of
             this epoch, so that all batches have one shape. Without it: every token but the first is predicted once,
             in order, and the last window is a batch of its own if it is shorter

    It is a loader as described in utils/loader.py; `count` is the number of tokens that an epoch predicts. Raises
    ValueError for a text that is too short for a batch.
    """

    def __init__(self, tokens, length, batch_size, device, shuffle=False, seed=0):
        self.tokens = torch.as_tensor(tokens, dtype=torch.int64).to(device)
        self.length, self.batch_size, self.device = length, batch_size, torch.device(device)
        self.shuffle, self.seed, self.epoch = shuffle, seed, 0
        predicted = len(self.tokens) - 1
        self.windows = predicted // length
        if shuffle:
            self.windows = (len(self.tokens) - length) // length // batch_size * batch_size  # at any place to begin
        self.rest = 0 if shuffle else predicted % length
        self.count = self.windows * length + self.rest
        if self.count < 1:
            needed = (batch_size + 1) * length if shuffle else 2
            raise ValueError(f"a text of {len(self.tokens)} tokens is too short: expected {needed} or more")

    def __len__(self):
        return math.ceil(self.windows / self.batch_size) + (self.rest > 0)

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)  # on the CPU: the same everywhere
        self.epoch += 1
        starts = self.length * torch.arange(self.windows)
        if self.shuffle:
            first = torch.randint(self.length, (), generator=generator)
            most = (len(self.tokens) - self.length) // self.length  # more than are served, where batches do not fit
            starts = first + self.length * torch.randperm(most, generator=generator)[: self.windows]
        within = torch.arange(self.length + 1)
        for begin in range(0, self.windows, self.batch_size):
            part = own_part(begin, min(begin + self.batch_size, self.windows))
            windows = self.tokens[(starts[part, None] + within).to(self.device)]  # (B, T + 1)
            yield windows[:, :-1], windows[:, 1:]
        if self.rest:
            part = own_part(0, 1)
            last = self.tokens[-self.rest - 1 :][None].expand(part.stop - part.start, -1)
            yield last[:, :-1], last[:, 1:]

    def describe(self):
        """What a training on this loader depends on, as plain values: part of a run's fingerprint."""
        digest = hashlib.sha256(self.tokens.cpu().numpy().tobytes()).hexdigest()[:16]
        settings = {key: getattr(self, key) for key in ("length", "batch_size", "shuffle", "seed", "count")}
        return {"sha256": digest, **settings, "code": [fingerprint.describe(type(self).__iter__)]}
