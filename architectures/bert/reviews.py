"""Movie reviews: the real ones, generated ones that need no network, pairs of texts to pre-train on, and windows of
them to classify."""

import bisect
import hashlib
import itertools
import random
import zipfile
from typing import NamedTuple

import torch

from utils import fingerprint
from utils.distributed import own_part
from utils.files import data_root, download

COMMIT = "5db857e6f7df11eabb5e5665836db9ec8df07e28"
ADDRESSES = (
    f"https://raw.githubusercontent.com/nltk/nltk_data/{COMMIT}/packages/corpora/movie_reviews.zip",
    f"https://cdn.jsdelivr.net/gh/nltk/nltk_data@{COMMIT}/packages/corpora/movie_reviews.zip",
)
SHA256 = "a41211ae685019137410268134db6a1a14428c89b671eb83056151a878539008"

FILMS = {  # what generated reviews are about: things, people, what they do
    "war": (("battle", "army", "bridge", "trench"), ("soldier", "general", "captain"), ("attacks", "defends")),
    "space": (("planet", "rocket", "station", "comet"), ("pilot", "robot", "alien"), ("explores", "leaves")),
    "love": (("wedding", "letter", "garden", "kiss"), ("bride", "poet", "widow"), ("remembers", "awaits")),
    "crime": (("robbery", "trial", "bullet", "alibi"), ("detective", "thief", "judge"), ("suspects", "solves")),
    "sea": (("storm", "island", "harbour", "whale"), ("sailor", "pirate", "diver"), ("fears", "finds")),
}
FEELINGS = (("dull", "awful", "clumsy", "tired"), ("superb", "lovely", "clever", "moving"))  # label 0, label 1


class Review(NamedTuple):
    """One review: its sentences, and 1 for a favourable one, 0 for the others."""

    sentences: tuple
    label: int


class Reviews(NamedTuple):
    """Reviews in three parts, lists of Review, that share no review. `name` says whether they are real or generated."""

    name: str
    train: list
    val: list
    test: list


def load_reviews():
    """The 2,000 movie reviews of Pang & Lee (2004), half of them favourable: 1,400 to train, 200 val, 400 test.

    The parts are the folds that the authors numbered: the first seven, the eighth, the last two. Downloaded once
    (4 MB); raises DataError when they cannot be fetched.
    """
    path = download(ADDRESSES, data_root() / "movie_reviews" / "movie_reviews.zip", SHA256)
    folds = [[] for _ in range(10)]
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".txt"):
                _, kind, file = name.split("/")  # movie_reviews/pos/cv123_45678.txt
                lines = archive.read(name).decode("utf-8").split("\n")
                sentences = tuple(line.strip() for line in lines if line.strip())
                folds[int(file[2])].append(Review(sentences, int(kind == "pos")))
    train, val, test = (list(itertools.chain(*part)) for part in (folds[:7], folds[7:8], folds[8:]))
    return Reviews("movie reviews", train, val, test)


def load_toy_reviews(train=120, val=40, test=40, seed=0):
    """Reviews made of a few words: each is about one kind of film, and its adjectives give its label away."""
    draw = random.Random(seed)
    made = [toy_review(draw, label=number % 2) for number in range(train + val + test)]
    return Reviews("toy reviews (generated)", made[:train], made[train : train + val], made[train + val :])


def toy_review(draw, label):
    """Four to eight generated sentences about one kind of film."""
    things, people, verbs = FILMS[draw.choice(list(FILMS))]
    sentences = []
    for number in range(draw.randint(4, 8)):
        thing, person, verb = draw.choice(things), draw.choice(people), draw.choice(verbs)
        feeling = draw.choice(FEELINGS[label])
        forms = (
            f"the {person} {verb} the {thing} .",
            f"a {feeling} {thing} , and a {feeling} {person} .",
            f"{feeling} !",
        )
        sentences.append(draw.choice(forms) if number else forms[1])
    return Review(tuple(sentences), label)


class TextPairs:
    """Batches to pre-train on: [CLS] A [SEP] B [SEP], where B follows A in its document or comes from another one.

    documents  lists of sentences, each a list of tokens; encoder  the WordPiece that they come from
    length     tokens in each pair, T; shorter pairs are padded
    hide       corrupt(tokens, allowed, …) of bert.py with its other arguments bound, but for the generator; None to
               leave the tokens as they are
    shuffle    for training: every pass draws other pairs and hides other tokens, from (seed, epoch). Without it every
               pass serves the same ones

    A batch is tokens, segments (int64) and mask (bool), all (B, T); with `hide`, positions and word labels (B, P);
    and int64 (B,), 0 where B follows A, 1 where it does not: half of them. A pass has about as many tokens as the
    documents, but at most one pair for each sentence, in whole batches. It is a loader as described in utils/loader.py;
    `count` counts pairs. Raises ValueError for a length below 5, for fewer than two documents that have two sentences,
    and for texts too short for a batch.
    """

    def __init__(self, documents, encoder, length, batch_size, device, hide=None, shuffle=False, seed=0):
        if length < 5:
            raise ValueError(f"length is {length}; expected 5 or more: [CLS], two [SEP], and a token of each text")
        documents = [[s for s in sentences if s] for sentences in documents]
        documents = [sentences for sentences in documents if len(sentences) > 1]
        if len(documents) < 2:
            raise ValueError(
                f"{len(documents)} documents have two sentences or more; expected at least 2 such documents"
            )
        self.tokens = [token for sentences in documents for sentence in sentences for token in sentence]
        lengths = [len(sentence) for sentences in documents for sentence in sentences]
        self.starts = [0, *itertools.accumulate(lengths)]  # of each sentence; the last entry is the end of all
        self.first = [0, *itertools.accumulate(map(len, documents))]  # sentence of each document; likewise
        self.document = [number for number, sentences in enumerate(documents) for _ in sentences]
        self.encoder, self.length, self.batch_size, self.device = encoder, length, batch_size, torch.device(device)
        self.hide, self.shuffle, self.seed, self.epoch = hide, shuffle, seed, 0
        self.usable = [s for s, d in enumerate(self.document) if s + 1 < self.first[d + 1]]  # another one follows
        wanted = min(len(self.tokens) // (length - 3), len(self.usable))
        self.count = wanted // batch_size * batch_size
        if not self.count:
            raise ValueError(f"{len(self.tokens)} tokens make {wanted} pairs; expected a batch of {batch_size} or more")

    def __len__(self):
        return self.count // self.batch_size

    def __iter__(self):
        epoch = self.epoch if self.shuffle else 0
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)  # on the CPU: the same everywhere
        self.epoch += 1
        order = torch.randperm(len(self.usable), generator=generator)[: self.count].tolist()
        follows = (torch.randperm(self.count, generator=generator) % 2 == 0).tolist()
        draws = torch.rand(self.count, 2, generator=generator, dtype=torch.float64).tolist()
        cls, sep, pad = self.encoder.cls, self.encoder.sep, self.encoder.pad
        for begin in range(0, self.count, self.batch_size):
            numbers = range(begin, begin + self.batch_size)
            pairs = [self.pair(self.usable[order[i]], follows[i], *draws[i]) for i in numbers]
            tokens = torch.full((self.batch_size, self.length), pad)
            segments = torch.zeros_like(tokens)
            for row, pair in enumerate(pairs):
                both = torch.tensor(self.encoder.frame(*pair))  # (2, n): tokens, segments
                tokens[row, : both.shape[1]], segments[row, : both.shape[1]] = both
            batch = (tokens, segments, tokens != pad)
            if self.hide is not None:
                allowed = (tokens != cls) & (tokens != sep) & (tokens != pad)
                corrupted, *asked = self.hide(tokens, allowed, generator=generator)
                batch = (corrupted, *batch[1:], *asked)
            batch = (*batch, torch.tensor([int(not follows[i]) for i in numbers]))
            part = own_part(0, self.batch_size)
            yield tuple(tensor[part].to(self.device) for tensor in batch)

    def pair(self, sentence, follows, cut, other):
        """Two lists of tokens: A from this sentence on, and B from where A ends or from another document.

        `cut` and `other`, in [0, 1), decide where A ends and where another B begins.
        """
        room, document = self.length - 3, self.document[sentence]
        begin, first, last = self.starts[sentence], self.first[document], self.first[document + 1]
        wanted = begin + room * (0.25 + 0.5 * cut)  # A has a quarter to three quarters of the room, in whole sentences
        middle = max(sentence + 1, bisect.bisect_right(self.starts, wanted, sentence + 1, last) - 1)
        end = self.starts[middle]
        A = self.tokens[max(begin, end - 3 * room // 4) : end]  # of one long sentence, its end
        if not follows:
            middle = int(other * (len(self.document) - (last - first)))
            middle += (last - first) * (middle >= first)  # any sentence of any other document
            last = self.first[self.document[middle] + 1]
        start = self.starts[middle]
        return A, self.tokens[start : min(self.starts[last], start + room - len(A))]

    def describe(self):
        """What a training on these pairs depends on, as plain values: part of a run's fingerprint."""
        content = torch.tensor([*self.tokens, *self.starts, *self.first]).numpy().tobytes()
        special = [self.encoder.cls, self.encoder.sep, self.encoder.pad]
        settings = {name: getattr(self, name) for name in ("length", "batch_size", "shuffle", "seed", "count")}
        used = (type(self).__iter__, type(self).pair, type(self.encoder).frame, self.hide)
        code = [fingerprint.describe(function) for function in used]
        return {"sha256": hashlib.sha256(content).hexdigest()[:16], "special": special, **settings, "code": code}


class LabelledWindows:
    """Batches of windows of labelled documents, to fine-tune on: tokens, mask (B, T) and labels int64 (B,).

    documents  lists of tokens, without sentences; labels  a number for each; encoder as in TextPairs
    steps      batches in a pass. All documents are served once, in random order, before one comes again; each time
               the window [CLS] … [SEP] lies at another random place. Drawn from (seed, epoch)

    It is a loader as described in utils/loader.py; `count` counts windows. Raises ValueError for no documents, where
    labels and documents differ in number, and for a length below 3.
    """

    def __init__(self, documents, labels, encoder, length, steps, batch_size, device, seed=0):
        if not documents or len(documents) != len(labels):
            raise ValueError(
                f"{len(documents)} documents and {len(labels)} labels; expected as many of both, at least one"
            )
        if length < 3:
            raise ValueError(f"length is {length}; expected 3 or more: [CLS], [SEP] and a token")
        self.documents, self.labels, self.encoder = [list(d) for d in documents], [int(n) for n in labels], encoder
        self.length, self.steps, self.batch_size, self.device = length, steps, batch_size, torch.device(device)
        self.seed, self.epoch, self.count = seed, 0, steps * batch_size

    def __len__(self):
        return self.steps

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        rounds = -(-self.count // len(self.documents))
        order = torch.cat([torch.randperm(len(self.documents), generator=generator) for _ in range(rounds)]).tolist()
        places = torch.rand(self.count, generator=generator, dtype=torch.float64).tolist()
        room = self.length - 2
        for begin in range(0, self.count, self.batch_size):
            part = own_part(begin, begin + self.batch_size)
            chosen = [(self.documents[order[i]], places[i]) for i in range(part.start, part.stop)]
            starts = [int(place * (max(0, len(document) - room) + 1)) for document, place in chosen]
            windows = [document[start : start + room] for (document, _), start in zip(chosen, starts)]
            labels = torch.tensor([self.labels[i] for i in order[part]])
            tokens, mask = framed(windows, self.encoder, self.length)
            yield tokens.to(self.device), mask.to(self.device), labels.to(self.device)

    def describe(self):
        """What a training on these windows depends on, as plain values: part of a run's fingerprint."""
        content = repr((self.documents, self.labels, self.encoder.cls, self.encoder.sep, self.encoder.pad)).encode()
        settings = {name: getattr(self, name) for name in ("length", "steps", "batch_size", "seed")}
        code = [fingerprint.describe(function) for function in (type(self).__iter__, type(self.encoder).frame)]
        return {"sha256": hashlib.sha256(content).hexdigest()[:16], **settings, "code": code}


def framed(windows, encoder, length):
    """Lists of tokens -> tokens int64 (B, length) as [CLS] … [SEP] and padding, and the mask of what is no padding."""
    rows = [encoder.frame(window)[0] for window in windows]
    tokens = torch.tensor([row + [encoder.pad] * (length - len(row)) for row in rows])
    return tokens, tokens != encoder.pad


def all_windows(document, length):
    """A document (a list of tokens) in windows of length - 2, which [CLS] and [SEP] fill up; the rest is last."""
    return [document[start : start + length - 2] for start in range(0, len(document), length - 2)]
