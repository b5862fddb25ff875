"""Is one translator better, or does it only suit these test sentences? A paired bootstrap, after Koehn (2004).

https://aclanthology.org/W04-3250/
"""

import torch

from attention.translation import n_grams


def paired_bootstrap(first, second, references, times=1000, seed=0):
    """How many points of BLEU `first` is ahead, and a 95 % interval: three floats, (difference, low, high).

    first, second  for each random seed of a training a list of translations, and each translation is a list of words
    references     the right translations of the same sentences

    BLEU is the mean over the trainings. Test sets as large as this one are drawn from its sentences with replacement,
    `times` of them, the same ones for both sides; 95 % of the differences lie between `low` and `high`. The interval
    tells how much depends on the test sentences, and nothing about the trainings. Raises ValueError where the numbers
    of sentences differ.
    """
    generator, sentences = torch.Generator().manual_seed(seed), len(references)
    drawn = torch.randint(sentences, (times, sentences), generator=generator)
    weights = torch.ones(1 + times, sentences, dtype=torch.float64)  # the first row is the test set as it is
    for row, chosen in zip(weights[1:], drawn):
        row.copy_(chosen.bincount(minlength=sentences))
    means = [
        torch.stack([bleu_of(weights @ counts(answers, references)) for answers in side]).mean(0)
        for side in (first, second)
    ]
    difference = means[0] - means[1]
    low, high = difference[1:].quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return difference[0].item(), low, high


def counts(answers, references, longest=4):
    """What BLEU adds up, for each sentence: (sentences, 2 longest + 2).

    n-grams that match, n = 1 … `longest`, n-grams that there are, and the words of the answer and of the reference.
    """
    if len(answers) != len(references):
        raise ValueError(f"{len(answers)} answers for {len(references)} references")
    rows = []
    for answer, reference in zip(answers, references):
        pairs = [(n_grams(answer, n), n_grams(reference, n)) for n in range(1, longest + 1)]
        matched = [sum((ours & theirs).values()) for ours, theirs in pairs]
        rows.append([*matched, *(sum(ours.values()) for ours, _ in pairs), len(answer), len(reference)])
    return torch.tensor(rows, dtype=torch.float64)


def bleu_of(sums):
    """BLEU in percent from sums of `counts`: (…, 2 longest + 2) -> (…,). It is 0 where an n has no match."""
    longest = sums.shape[-1] // 2 - 1
    matched, there, (c, r) = sums[..., :longest], sums[..., longest:-2], sums[..., -2:].unbind(-1)
    return 100 * ((matched / there.clamp(min=1)).log().mean(dim=-1) + (1 - r / c).clamp(max=0.0)).exp()
