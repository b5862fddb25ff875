"""Sums of two whole numbers, written digit by digit: a task with an exact answer, made from a seed as it is needed."""

import math

import torch

from utils import fingerprint
from utils.distributed import own_part

SYMBOLS = ("", "<", ">", *"0123456789", "+")  # padding, the beginning and the end of an answer, and the rest
PAD, BOS, EOS, ZERO, PLUS = 0, 1, 2, 3, 13


def decode(tokens):
    """A row of tokens up to the end of the answer -> text."""
    tokens = [int(token) for token in tokens]
    return "".join(SYMBOLS[token] for token in tokens[: (tokens + [EOS]).index(EOS)])


def draw_numbers(count, lengths, generator):
    """`count` pairs (count, 2) of numbers whose digits are `lengths` = (fewest, most) many, each length as likely."""
    fewest, most = lengths
    digits = torch.randint(fewest, most + 1, (count, 2), generator=generator)
    low, high = 10 ** (digits - 1), 10**digits
    low = low.where(digits > 1, 0)  # 0 is a number of one digit
    share = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return low + (share * (high - low)).long()


def digits_of(numbers, width):
    """Whole numbers (B,) -> their digits (B, width), the units first, and how many count (B,), at least one."""
    digits = numbers[:, None] // 10 ** torch.arange(width) % 10
    return digits, (numbers[:, None] >= 10 ** torch.arange(1, width)).sum(dim=1) + 1


def as_tokens(pairs, units_first=True):
    """Pairs (B, 2) of numbers -> questions (B, S), such as "73+485", and answers (B, T), "855>" for 558.

    The answer begins with the units where `units_first` is set. Padding fills up shorter rows.
    """
    width = len(str(int(pairs.max()))) + 1
    (a, n_a), (b, n_b) = (digits_of(numbers, width) for numbers in pairs.unbind(dim=1))
    total, n = digits_of(pairs.sum(dim=1), width)
    place = torch.arange(2 * width + 1)
    left, right = n_a[:, None] - 1 - place, n_a[:, None] + n_b[:, None] - place  # which digit stands at each place
    question = torch.where(left >= 0, a.gather(1, left.clamp(0, width - 1)), b.gather(1, right.clamp(0, width - 1)))
    question = (question + ZERO).masked_fill(left == -1, PLUS).masked_fill(right < 0, PAD)
    place = torch.arange(width + 1)
    which = place.expand(len(pairs), -1) if units_first else n[:, None] - 1 - place
    answer = total.gather(1, which.clamp(0, width - 1)) + ZERO
    answer = answer.masked_fill(place == n[:, None], EOS).masked_fill(place > n[:, None], PAD)
    return question[:, : int((n_a + n_b).max()) + 1], answer[:, : int(n.max()) + 1]


class Sums:
    """Batches of new sums: questions (B, S) and answers (B, T), drawn from (seed, epoch), `count` of them an epoch."""

    def __init__(self, count, batch_size, lengths, device, units_first=True, seed=0):
        self.count, self.batch_size, self.lengths, self.device = count, batch_size, tuple(lengths), device
        self.units_first, self.seed, self.epoch = units_first, seed, 0

    def __len__(self):
        return math.ceil(self.count / self.batch_size)

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        pairs = draw_numbers(self.count, self.lengths, generator)
        for start in range(0, self.count, self.batch_size):
            part = own_part(start, min(start + self.batch_size, self.count))
            yield tuple(tokens.to(self.device) for tokens in as_tokens(pairs[part], self.units_first))

    def describe(self):
        settings = {key: getattr(self, key) for key in ("count", "batch_size", "units_first", "seed")}
        return {"data": "sums", "lengths": list(self.lengths), **settings, "code": fingerprint.describe(Sums.__iter__)}
