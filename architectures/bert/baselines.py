"""What BERT is measured against: words counted in twos and threes, and bags of words.

Trigrams          the next word from the two before it, or a word from two on each side, by counts
BagOfWords        logistic regression on which words a text has
Overlap           how alike two texts are, by their words: a guess at the next sentence
"""

import collections
import math

import torch
from torch.nn import functional as F


class Trigrams:
    """A trigram model of documents, lists of tokens: the probability of a token after two others, by counts.

    From each count of a pair or of three tokens `discount` is taken; what this frees goes to the shorter history's
    distribution (Ney, Essen & Kneser 1994). `unigrams` (V,) holds the shortest, which adds one half to every count;
    `bigrams` (V, V) has a row for each token. Of tokens that were never seen, the row is that of `unigrams`.
    """

    def __init__(self, documents, vocab_size, discount=0.75):
        self.discount = discount
        counts = torch.bincount(torch.tensor([t for d in documents for t in d]), minlength=vocab_size).float() + 0.5
        self.unigrams = counts / counts.sum()
        pairs = torch.tensor([pair for document in documents for pair in zip(document, document[1:])]).view(-1, 2)
        self.bigrams = torch.zeros(vocab_size, vocab_size)
        self.bigrams.index_put_((pairs[:, 0], pairs[:, 1]), torch.ones(len(pairs)), accumulate=True)
        for row in self.bigrams:  # one by one: a large vocabulary's matrix should not be held twice
            seen = row.sum()
            if seen:
                freed = discount * (row > 0).sum() / seen
                row.copy_((row - discount).clamp(min=0) / seen + freed * self.unigrams)
            else:
                row.copy_(self.unigrams)
        self.after = collections.defaultdict(collections.Counter)
        for document in documents:
            for first, second, third in zip(document, document[1:], document[2:]):
                self.after[first, second][third] += 1
        self.seen = {pair: followers.total() for pair, followers in self.after.items()}
        self.seconds, self.firsts = collections.defaultdict(list), collections.defaultdict(list)
        for first, second in self.after:
            self.seconds[first].append(second)
            self.firsts[second].append(first)

    def probabilities(self, first, second):
        """The distribution (V,) of the token after `first` and `second`."""
        followers = self.after.get((first, second))
        if not followers:
            return self.bigrams[second]
        seen = self.seen[first, second]
        row = self.bigrams[second] * (self.discount * len(followers) / seen)
        row[list(followers)] += (torch.tensor([*followers.values()], dtype=torch.float32) - self.discount) / seen
        return row

    def between(self, first, second, fourth, fifth):
        """The distribution (V,) of the token between `first`, `second` and `fourth`, `fifth`.

        It takes part in three factors of the text's probability: its own and those of the two tokens after it.
        """
        row = self.probabilities(first, second).clone()
        row *= self._column([(second, third) for third in self.seconds[second]], 1, self.bigrams[:, fourth], fourth)
        before_fourth = self.bigrams[fourth, fifth].expand(len(row))
        row *= self._column([(third, fourth) for third in self.firsts[fourth]], 0, before_fourth, fifth)
        return row / row.sum()

    def _column(self, pairs, place, shorter, token):
        """p(token | pair) by the token at `place` of each pair, (V,); that of `shorter` where no pair was seen."""
        column = shorter.clone()
        if pairs:
            which = torch.tensor([pair[place] for pair in pairs])
            seen = torch.tensor([self.seen[pair] for pair in pairs])
            kinds = torch.tensor([len(self.after[pair]) for pair in pairs])
            found = torch.tensor([self.after[pair].get(token, 0) for pair in pairs])
            column[which] *= self.discount * kinds / seen
            column[which] += (found - self.discount).clamp(min=0) / seen
        return column


class BagOfWords:
    """Logistic regression on which words occur in a text, each text's vector of 0 and 1 scaled to length 1.

    texts    lists of words; labels  0 or 1 for each. Words that occur in fewer than `least` of the texts are left out
    penalty  of the squared weights, against the mean cross-entropy
    """

    def __init__(self, texts, labels, penalty=1e-4, least=2):
        found = collections.Counter(word for text in texts for word in set(text))
        self.words = {word: i for i, word in enumerate(sorted(word for word, n in found.items() if n >= least))}
        x, y = self.vectors(texts), torch.tensor(labels, dtype=torch.float32)
        self.weight = torch.zeros(len(self.words), requires_grad=True)
        self.bias = torch.zeros((), requires_grad=True)
        optimizer = torch.optim.LBFGS([self.weight, self.bias], max_iter=200, line_search_fn="strong_wolfe")

        def loss():
            optimizer.zero_grad()
            value = F.binary_cross_entropy_with_logits(x @ self.weight + self.bias, y)
            value = value + penalty * self.weight.square().sum()
            value.backward()
            return value

        optimizer.step(loss)

    def vectors(self, texts):
        """float32 (texts, words)."""
        x = torch.zeros(len(texts), len(self.words))
        for row, text in enumerate(texts):
            x[row, [self.words[word] for word in set(text) if word in self.words]] = 1
        return F.normalize(x)

    @torch.no_grad()
    def scores(self, texts):
        """The logits of label 1 (texts,)."""
        return self.vectors(texts) @ self.weight + self.bias

    def accuracy(self, texts, labels):
        """The share of texts whose label is guessed."""
        return ((self.scores(texts) > 0).long() == torch.tensor(labels)).float().mean().item()


class Overlap:
    """A guess whether one text follows another, by the words that they share: rare ones count more.

    documents  lists of words or tokens, of which the weights log(documents / documents with the word) are counted
    """

    def __init__(self, documents):
        found = collections.Counter(word for document in documents for word in set(document))
        self.weights = {word: math.log(len(documents) / n) for word, n in found.items()}
        self.threshold = 0.0

    def score(self, first, second):
        """The weights of common words, as a share of the geometric mean of both texts' weights: 0 to 1."""
        first, second = ({word for word in text if word in self.weights} for text in (first, second))
        common, one, other = (sum(self.weights[w] for w in part) for part in (first & second, first, second))
        return common / math.sqrt(one * other) if one and other else 0.0

    def fit(self, pairs, follows):
        """Choose the threshold with the most right guesses on `pairs`; `follows` has a bool for each. Returns self."""
        scored = sorted(zip((self.score(*pair) for pair in pairs), follows))
        right = sum(follows)  # with a threshold below all scores everything is said to follow
        best, self.threshold = right, -1.0
        for i, (score, one) in enumerate(scored):
            right += -1 if one else 1
            following = scored[i + 1][0] if i + 1 < len(scored) else score + 1.0
            if right > best and following > score:
                best, self.threshold = right, (score + following) / 2
        return self

    def accuracy(self, pairs, follows):
        """The share of right guesses."""
        return sum((self.score(*pair) > self.threshold) == one for pair, one in zip(pairs, follows)) / len(pairs)
