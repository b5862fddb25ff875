"""Tokens/s of a Transformer in training, written out, fused and torch's own; greedy decoding with and without cache.

As in benchmark.py, rounds of the contestants are interleaved, and medians are compared as ratios.
"""

import math
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from architectures.transformer.transformer import SinusoidalPositions, Transformer, greedy_decode
from attention.translation import PairLoader, load_multi30k, load_numbers
from utils.device import autocast, choose_precision, dtype_name, set_seed, synchronise
from utils.files import data_root
from utils.tokens import BOS, Words

SIZES = dict(d_model=256, num_heads=8, num_layers=3, d_ff=512, dropout=0.1)  # a small Transformer
NEVER = -1  # an end token that no model says: every answer is as long as allowed


class TorchTransformer(nn.Module):
    """torch.nn.Transformer between the embeddings and the output layer that ours has."""

    def __init__(self, src_vocab, tgt_vocab, d_model, num_heads, num_layers, d_ff, dropout):
        super().__init__()
        self.src_embedding, self.tgt_embedding = nn.Embedding(src_vocab, d_model), nn.Embedding(tgt_vocab, d_model)
        self.positions, self.dropout = SinusoidalPositions(d_model), nn.Dropout(dropout)
        sizes = (d_model, num_heads, num_layers, num_layers, d_ff, dropout)
        self.stacks = nn.Transformer(*sizes, batch_first=True, norm_first=True)
        self.output = nn.Linear(d_model, tgt_vocab, bias=False)
        self.output.weight = self.tgt_embedding.weight
        self.scale = math.sqrt(d_model)

    def forward(self, src, tgt):
        x = self.dropout(self.positions(self.src_embedding(src) * self.scale))
        y = self.dropout(self.positions(self.tgt_embedding(tgt) * self.scale))
        padding = src == 0
        future = torch.ones(tgt.shape[1], tgt.shape[1], dtype=torch.bool, device=tgt.device).triu(1)
        options = dict(src_key_padding_mask=padding, memory_key_padding_mask=padding, tgt_is_causal=True)
        return self.output(self.stacks(x, y, tgt_mask=future, **options))


def main(device, rounds, steps):
    """Print the medians and the ratios."""
    real = (data_root() / "multi30k").is_dir()
    corpus = load_multi30k() if real else load_numbers()
    source, target = Words(corpus.train.source), Words(corpus.train.target)
    print(f"\nTransformer of {SIZES}. Data: {corpus.name}, batches of up to 2,000 tokens.")
    batches = list(PairLoader(corpus.train, source, target, 2000, device, shuffle=True))[:steps]
    for dtype in dict.fromkeys((torch.float32, choose_precision(device)[0])):
        compare_training(batches, len(source), len(target), device, dtype, rounds)
    compare_decoding(batches, len(source), len(target), device, rounds)


def medians_of(contestants, rounds, unit, label=""):
    """{name: median rate} of functions that return a rate each; prints them. The first round warms up."""
    rates = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, measure in contestants.items():
            rates[name].append(measure())
    medians = {name: statistics.median(values[1:]) for name, values in rates.items()}
    for name, values in rates.items():
        spread = 100 * np.ptp(values[1:]) / medians[name]
        print(f"{label:9} {name:22} {medians[name]:9,.0f} {unit}   (spread {spread:.0f} %)")
    return medians


def compare_training(batches, src_vocab, tgt_vocab, device, dtype, rounds):
    """Training steps on the same batches."""

    def contestant(build):
        set_seed(0)
        model = build().to(device).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

        def measure():
            synchronise(device)
            started, tokens = time.perf_counter(), 0
            for src, tgt in batches:
                with autocast(device, dtype):
                    logits = model(src, tgt[:, :-1])
                    loss = F.cross_entropy(logits.flatten(0, 1), tgt[:, 1:].flatten(), ignore_index=0)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                tokens += int((tgt[:, 1:] != 0).sum())
            synchronise(device)
            return tokens / (time.perf_counter() - started)

        return measure

    def ours(fused):
        return lambda: Transformer(src_vocab, tgt_vocab, norm_first=True, share="target", fused=fused, **SIZES)

    builds = {
        "ours, fused": ours(True),
        "ours, written out": ours(False),
        "nn.Transformer": lambda: TorchTransformer(src_vocab, tgt_vocab, **SIZES),
    }
    contestants = {name: contestant(build) for name, build in builds.items()}
    fused, written, theirs = medians_of(contestants, rounds, "target tokens/s", dtype_name(dtype)).values()
    print(f"{dtype_name(dtype):9} fused / nn.Transformer: {fused / theirs:.2f}   (wanted: 1.0)")
    print(f"{dtype_name(dtype):9} written out / nn.Transformer: {written / theirs:.2f}")


def compare_decoding(batches, src_vocab, tgt_vocab, device, rounds):
    """Greedy decoding, with and without the cache: of 64 tokens, and as long as the sentences of real batches."""
    set_seed(0)
    model = Transformer(src_vocab, tgt_vocab, norm_first=True, share="target", **SIZES).to(device).eval()
    sixty_four = torch.randint(4, src_vocab, (16, 32), device=device)
    cases = {
        "64 tokens": ([sixty_four], 32, "   (wanted: 5)"),
        "as long as the source": ([src for src, _ in batches[:2]], 0, ""),
    }
    for case, (sources, extra, wanted) in cases.items():

        def contestant(use_cache, sources=sources, extra=extra):
            def measure():
                synchronise(device)
                started, tokens = time.perf_counter(), 0
                for src in sources:
                    tokens += greedy_decode(model, src, BOS, NEVER, extra, use_cache).numel()
                synchronise(device)
                return tokens / (time.perf_counter() - started)

            return measure

        contestants = {f"cache, {case}": contestant(True), f"none, {case}": contestant(False)}
        cached, uncached = medians_of(contestants, rounds, "tokens/s").values()
        print(f"{'':9} greedy, {case}: cached / uncached {cached / uncached:.1f}{wanted}")
