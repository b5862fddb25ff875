"""What the Transformer replaced: a recurrent translator with attention, for the comparison in Attention.ipynb.

Encoder and decoder are gated recurrent units (Cho et al. 2014); each decoder state looks at the encoder's states by the
multiplicative attention of Luong et al. (2015), https://arxiv.org/abs/1508.04025. The decoder does not wait for the
attention of the step before ("input feeding"), so that in training both recurrences run in torch's own fast loops: the
strongest opponent in speed that is easy to write.

It has the methods by which `greedy_decode` and `beam_search` of architectures/transformer ask a model, and their
letters: B sentences, T target and S source positions, C = d_model.
"""

import math

import torch
from torch import nn


class RecurrentTranslator(nn.Module):
    """Tokens in, logits of the next token out: src (B, S), tgt (B, T) -> (B, T, tgt_vocab).

    d_model is the size of embeddings and decoder states; the encoder reads in both directions with d_model / 2 states
    each. `dropout` acts on embeddings, between layers and before the output layer, which shares the target embedding's
    matrix. Raises ValueError for an odd d_model.
    """

    def __init__(self, src_vocab, tgt_vocab, d_model=512, num_layers=2, dropout=0.1, pad=0):
        super().__init__()
        if d_model % 2:
            raise ValueError(f"d_model is {d_model}; expected an even number, half of it for each direction")
        self.pad, self.d_model = pad, d_model
        self.src_embedding, self.tgt_embedding = nn.Embedding(src_vocab, d_model), nn.Embedding(tgt_vocab, d_model)
        options = dict(num_layers=num_layers, batch_first=True, dropout=dropout if num_layers > 1 else 0.0)
        self.encoder = nn.GRU(d_model, d_model // 2, bidirectional=True, **options)
        self.decoder = nn.GRU(d_model, d_model, **options)
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.combine = nn.Linear(2 * d_model, d_model, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(d_model, tgt_vocab, bias=False)
        for embedding in (self.src_embedding, self.tgt_embedding):
            nn.init.normal_(embedding.weight, std=d_model**-0.5)
        self.output.weight = self.tgt_embedding.weight

    def forward(self, src, tgt):
        memory, memory_mask = self.encode(src)
        return self.output(self.decode(tgt, memory, memory_mask))

    def encode(self, src):
        """src (B, S) -> memory (B, S, C) and its mask (B, 1, 1, S), True where a token is no padding.

        Padding must follow the sentence; it does not touch the states of the words.
        """
        mask = src != self.pad
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        x = self.dropout(self.src_embedding(src) * math.sqrt(self.d_model))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        memory, _ = nn.utils.rnn.pad_packed_sequence(
            self.encoder(packed)[0], batch_first=True, total_length=src.shape[1]
        )
        return memory, mask[:, None, None, :]

    def decode(self, tgt, memory, memory_mask, cache=None):
        """tgt (B, T), memory (B, S, C) -> (B, T, C): what the output layer turns into logits.

        With `cache`, made by `new_cache()`, `tgt` holds only the tokens after those that it was given before.
        """
        x = self.dropout(self.tgt_embedding(tgt) * math.sqrt(self.d_model))
        if cache and cache[0][0]:
            state = cache[0][0]["state"].transpose(0, 1).contiguous()  # (layers, B, C)
        else:
            state = self.first_state(memory, memory_mask)
        states, last = self.decoder(x, state)  # (B, T, C)
        if cache:
            cache[0][0]["state"] = last.transpose(0, 1)  # sentences first, as beam_search reorders them
        scores = self.query(states) @ memory.transpose(1, 2) / math.sqrt(self.d_model)  # (B, T, S)
        scores = scores.masked_fill(~memory_mask[:, 0], torch.finfo(scores.dtype).min)
        context = scores.softmax(dim=-1) @ memory
        return self.dropout(torch.tanh(self.combine(torch.cat([states, context], dim=-1))))

    def first_state(self, memory, memory_mask):
        """The decoder begins from the mean of the encoder's states, the same for each layer: (layers, B, C)."""
        mask = memory_mask[:, 0, 0, :, None]
        mean = (memory * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return mean.expand(self.decoder.num_layers, -1, -1).contiguous()

    def new_cache(self):
        """An empty cache for `decode`: the recurrent state, where the Transformer has keys and values."""
        return [({}, {})]
