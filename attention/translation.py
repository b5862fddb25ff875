"""Translation: Multi30k, a generated toy task, batches of similar lengths, and BLEU."""

import collections
import gzip
import hashlib
import math
from typing import NamedTuple

import torch

from utils import fingerprint
from utils.distributed import own_part
from utils.files import DataError, data_root, download
from utils.tokens import BOS, EOS, pad_together

MULTI30K_COMMIT = "a3d2e0d26b56f3846f66a952536ffed4e401d05a"
MULTI30K_ADDRESSES = (
    f"https://raw.githubusercontent.com/multi30k/dataset/{MULTI30K_COMMIT}/data/task1/raw/",
    f"https://cdn.jsdelivr.net/gh/multi30k/dataset@{MULTI30K_COMMIT}/data/task1/raw/",
)
MULTI30K_SHA256 = {
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
}
ONES = {
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn".split(),
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen".split(),
}
TENS = {
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split(),
    "en": "twenty thirty forty fifty sixty seventy eighty ninety".split(),
}


class Pairs(NamedTuple):
    """Sentences of one split in two languages: lists of strings, the i-th of each a translation of the other."""

    source: list
    target: list


class Corpus(NamedTuple):
    """A translation task. `name` says whether it is real or generated."""

    name: str
    train: Pairs
    val: Pairs
    test: Pairs


def load_multi30k(source="de", target="en"):
    """Multi30k (Elliott et al. 2016), captions of images in German and English, downloaded once (1.2 MB).

    29,000 / 1,014 / 1,000 pairs; the test set is test_2016_flickr. Raises DataError when a file cannot be fetched or
    is damaged.
    """
    folder, splits = data_root() / "multi30k", {}
    for split in ("train", "val", "test_2016_flickr"):
        texts = []
        for language in (source, target):
            name = f"{split}.{language}.gz"
            path = download([base + name for base in MULTI30K_ADDRESSES], folder / name, MULTI30K_SHA256[name])
            with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
                texts.append([line.strip() for line in file])
        if len(texts[0]) != len(texts[1]):
            raise DataError(
                f"{folder}: {split} has {len(texts[0])} and {len(texts[1])} sentences: delete it, run again"
            )
        splits[split] = Pairs(*texts)
    return Corpus("Multi30k", splits["train"], splits["val"], splits["test_2016_flickr"])


def load_numbers(train=3000, val=300, test=300, seed=0):
    """A toy task that a reader can judge: numbers below a million in German words, in English words (generated).

    German says the ones before the tens ("ein und zwanzig" is twenty one), so that words change places. Compounds are
    written apart. No number is in two splits.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = 10.0 ** (6 * torch.rand(4 * (train + val + test), generator=generator, dtype=torch.float64))
    numbers = list(dict.fromkeys(int(size) for size in sizes.tolist()))[: train + val + test]
    if len(numbers) < train + val + test:
        raise ValueError(f"{train + val + test} numbers were asked for, and only {len(numbers)} different ones drawn")
    parts = numbers[:train], numbers[train : train + val], numbers[train + val :]
    splits = [Pairs([in_german(n) for n in part], [in_english(n) for n in part]) for part in parts]
    return Corpus("numbers (generated)", *splits)


def in_german(n):
    """'drei hundert ein und zwanzig' for 321, its parts written apart; 0 <= n < 1,000,000."""
    for size, word in ((1000, "tausend"), (100, "hundert")):
        if n >= size:
            return f"{before(n // size)} {word}{' ' + in_german(n % size) if n % size else ''}"
    if n < 20:
        return ONES["de"][n]
    return (f"{before(n % 10)} und " if n % 10 else "") + TENS["de"][n // 10 - 2]


def before(n):
    """A German number as it stands before another word: it ends in "ein" where it would alone end in "eins"."""
    german = in_german(n)
    return german.removesuffix("s") if german.endswith("eins") else german


def in_english(n):
    """'three hundred twenty one' for 321; 0 <= n < 1,000,000."""
    if n >= 1000:
        return f"{in_english(n // 1000)} thousand{' ' + in_english(n % 1000) if n % 1000 else ''}"
    if n >= 100:
        return f"{ONES['en'][n // 100]} hundred{' ' + in_english(n % 100) if n % 100 else ''}"
    if n < 20:
        return ONES["en"][n]
    return TENS["en"][n // 10 - 2] + (f" {ONES['en'][n % 10]}" if n % 10 else "")


class PairLoader:
    """Batches (src (B, S), tgt (B, T)) of pairs of similar length, int64 on `device`; targets have both ends.

    Of several processes each serves its part of every batch's pairs, padded like the whole batch.

    pairs       a Pairs; `source` and `target` are the vocabularies (Words or BytePairs) that encode them
    max_tokens  the most tokens, padding counted, on either side of a batch. Raises ValueError for a longer sentence.
    shuffle     the order is drawn from (seed, epoch), as in ImageLoader; which lengths meet is the same every epoch,
                so that an epoch always has as many batches
    """

    def __init__(self, pairs, source, target, max_tokens, device, shuffle=False, seed=0):
        self.max_tokens, self.device = max_tokens, torch.device(device)
        self.shuffle, self.seed, self.epoch = shuffle, seed, 0
        src = [[*source.encode(text), EOS] for text in pairs.source]
        tgt = [[BOS, *target.encode(text), EOS] for text in pairs.target]
        if not src:
            raise ValueError("there are no pairs to make batches of")
        self.lengths = torch.tensor([[len(s), len(t)] for s, t in zip(src, tgt)])  # (pairs, 2)
        if self.lengths.max() > max_tokens:
            raise ValueError(f"a sentence has {self.lengths.max()} tokens, more than max_tokens = {max_tokens}")
        self.src, self.tgt = pad_together(src, device), pad_together(tgt, device)
        self.count = len(src)  # pairs an epoch
        self.tokens = int(self.lengths[:, 1].sum()) - self.count  # target tokens an epoch, those to be predicted
        self.limits = self.cut()

    def sort_key(self):
        """Pairs of equal key are interchangeable: both lengths, the longer one first."""
        longest = self.lengths.max(dim=1).values
        return (longest * 10_000 + self.lengths[:, 0]) * 10_000 + self.lengths[:, 1]

    def cut(self):
        """The places at which the sorted pairs are cut into batches."""
        lengths = self.lengths[self.sort_key().argsort(stable=True)].max(dim=1).values.tolist()
        limits, start = [0], 0
        for i, longest in enumerate(lengths):  # sorted: the last pair of a batch is its longest
            if longest * (i + 1 - start) > self.max_tokens:
                limits.append(i)
                start = i
        return [*limits, len(lengths)]

    def __len__(self):
        return len(self.limits) - 1

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        order, batches = torch.arange(self.count), torch.arange(len(self))
        if self.shuffle:
            order, batches = (
                torch.randperm(self.count, generator=generator),
                torch.randperm(len(self), generator=generator),
            )
        order = order[self.sort_key()[order].argsort(stable=True)]
        for i in batches.tolist():
            S, T = self.lengths[order[self.limits[i] : self.limits[i + 1]]].max(dim=0).values.tolist()
            chosen = order[own_part(self.limits[i], self.limits[i + 1])].to(self.device)
            yield self.src[chosen, :S], self.tgt[chosen, :T]

    def describe(self):
        """What a training on this loader depends on, as plain values: part of a run's fingerprint."""
        digest = hashlib.sha256(self.src.cpu().numpy().tobytes() + self.tgt.cpu().numpy().tobytes()).hexdigest()[:16]
        settings = {key: getattr(self, key) for key in ("max_tokens", "shuffle", "seed", "count")}
        code = [fingerprint.describe(getattr(type(self), method)) for method in ("__iter__", "cut", "sort_key")]
        return {"sha256": digest, **settings, "code": code}


def bleu(answers, references, longest=4):
    """Corpus BLEU (Papineni et al. 2002) in percent, of lists of words against one reference each.

    The geometric mean of the shares of n-grams, n = 1 … `longest`, that occur in the reference, each counted at most
    as often as there, times exp(1 - r / c) where the answers (c words) are shorter than the references (r words). No
    smoothing: 0 where an n has no match. Raises ValueError for lists of different lengths.
    """
    if len(answers) != len(references):
        raise ValueError(f"{len(answers)} answers for {len(references)} references")
    matched, there = [0] * longest, [0] * longest
    for answer, reference in zip(answers, references):
        for n in range(1, longest + 1):
            ours, theirs = n_grams(answer, n), n_grams(reference, n)
            matched[n - 1] += sum((ours & theirs).values())
            there[n - 1] += sum(ours.values())
    if not all(matched):
        return 0.0
    precision = sum(math.log(m / t) for m, t in zip(matched, there)) / longest
    c, r = sum(map(len, answers)), sum(map(len, references))
    return 100 * math.exp(precision + min(0.0, 1 - r / c))


def n_grams(tokens, n):
    """How often each run of n words occurs."""
    return collections.Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
