"""The Transformer: Vaswani et al., "Attention Is All You Need", NIPS 2017.

Paper: https://arxiv.org/abs/1706.03762

    scaled_dot_product_attention, MultiHeadAttention    sections 3.2.1 and 3.2.2
    FeedForward                                         section 3.3
    SinusoidalPositions, LearnedPositions               section 3.5
    EncoderLayer, DecoderLayer, Transformer             section 3.1, Fig. 1
    transformer_base, transformer_big                   the two models of Table 3
    noam_rate                                           section 5.3: the learning rate of each step
    greedy_decode, beam_search                          section 6.1: beam 4, length penalty 0.6, input + 50 tokens

Letters of the shapes: B sentences, T target and S source positions, H heads, C = d_model. A mask is boolean and True
means "may attend", as in `torch.nn.functional.scaled_dot_product_attention`; `torch.nn.MultiheadAttention` means the
opposite. This file needs torch and the standard library alone: copy it into your own project as it is.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def scaled_dot_product_attention(query, key, value, mask=None, dropout=0.0, scale=None, fused=False):
    """softmax(Q Kᵀ / √d_k) V (eq. 1), and the attention weights, None where `fused`.

    query (B, H, T, d_k), key (B, H, S, d_k), value (B, H, S, d_v), mask broadcastable to (B, H, T, S)
    -> (B, H, T, d_v) and (B, H, T, S). A query that may attend nowhere gets zeros, not NaN. `dropout` is the
    probability with which a weight is dropped, whatever the mode; `scale` replaces 1/√d_k. `fused` computes the same by
    torch's function; its fused kernels do not hold the weights in memory (on a CPU there is none with dropout).
    """
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if fused:
        if mask is None:
            return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=scale), None
        somewhere = mask.any(dim=-1, keepdim=True)
        out = F.scaled_dot_product_attention(query, key, value, mask | ~somewhere, dropout_p=dropout, scale=scale)
        return out * somewhere, None
    scores = query @ key.transpose(-2, -1) * scale  # (B, H, T, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)  # only rows that may attend nowhere are changed by this
    return F.dropout(weights, dropout) @ value, weights


class MultiHeadAttention(nn.Module):
    """Concat(head_1, …, head_h) W^O with head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V) (section 3.2.2).

    query (B, T, C), key and value (B, S, C), mask broadcastable to (B, 1, T, S) -> (B, T, C). d_k = d_v = C / H.
    `dropout` acts on the weights while training; `scaled=False` leaves out the 1/√d_k; `fused` uses torch's kernel.
    After a forward pass with `keep_weights = True`, `weights` holds the attention weights (B, H, T, S).

    `cache` is a dictionary for decoding token by token: self-attention appends its keys and values to it, attention
    over a memory that does not change (`static=True`) computes them once.

    Raises ValueError where d_model is not a multiple of num_heads.
    """

    def __init__(self, d_model, num_heads, dropout=0.0, bias=True, scaled=True, fused=True):
        super().__init__()
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"d_model {d_model} cannot be split into num_heads {num_heads}: expected a divisor")
        self.num_heads, self.d_k, self.dropout, self.fused = num_heads, d_model // num_heads, dropout, fused
        self.scale = 1 / math.sqrt(self.d_k) if scaled else 1.0
        self.w_q, self.w_k, self.w_v, self.w_o = (nn.Linear(d_model, d_model, bias=bias) for _ in range(4))
        self.keep_weights, self.weights = False, None

    def split(self, x):
        return x.unflatten(-1, (self.num_heads, self.d_k)).transpose(1, 2)  # (B, H, T, d_k)

    def forward(self, query, key, value, mask=None, cache=None, static=False):
        q = self.split(self.w_q(query))
        if static and cache:
            k, v = cache["key"], cache["value"]
        else:
            k, v = self.split(self.w_k(key)), self.split(self.w_v(value))
            if cache is not None:
                if cache:
                    k, v = torch.cat([cache["key"], k], dim=2), torch.cat([cache["value"], v], dim=2)
                cache["key"], cache["value"] = k, v
        dropout = self.dropout if self.training else 0.0
        fused = self.fused and not self.keep_weights
        out, weights = scaled_dot_product_attention(q, k, v, mask, dropout, self.scale, fused)
        self.weights = weights.detach() if self.keep_weights else None
        return self.w_o(out.transpose(1, 2).flatten(2))  # (B, T, C)


class FeedForward(nn.Module):
    """max(0, x W_1 + b_1) W_2 + b_2 (eq. 2), the same at every position: (B, T, C) -> (B, T, C)."""

    def __init__(self, d_model, d_ff, dropout=0.0, bias=True):
        super().__init__()
        self.w_1, self.w_2 = nn.Linear(d_model, d_ff, bias=bias), nn.Linear(d_ff, d_model, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.w_2(self.dropout(F.relu(self.w_1(x))))


def sinusoids(length, d_model):
    """PE(pos, 2i) = sin(pos / 10000^(2i/d_model)), PE(pos, 2i + 1) = cos(…) (section 3.5): (length, d_model)."""
    position = torch.arange(length, dtype=torch.float64)[:, None]
    frequency = 10_000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    table = torch.empty(length, d_model, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency[: d_model // 2])
    return table.float()


class SinusoidalPositions(nn.Module):
    """Adds the fixed sinusoids to x (B, T, C); `start` is the position of x[:, 0]. No parameters, any length."""

    def __init__(self, d_model, max_len=512):
        super().__init__()
        self.d_model = d_model
        self.register_buffer("table", sinusoids(max_len, d_model), persistent=False)

    def forward(self, x, start=0):
        end = start + x.shape[1]
        if end > len(self.table):  # longer than any sentence so far
            self.table = sinusoids(2 * end, self.d_model).to(self.table)
        return x + self.table[start:end]


class LearnedPositions(nn.Module):
    """Adds a learnt vector for each position (Table 3, row E). Raises ValueError past `max_len` positions."""

    def __init__(self, d_model, max_len):
        super().__init__()
        self.table = nn.Parameter(torch.randn(max_len, d_model) * d_model**-0.5)

    def forward(self, x, start=0):
        end = start + x.shape[1]
        if end > len(self.table):
            raise ValueError(f"a sentence of {end} tokens; learned positions reach to max_len = {len(self.table)}")
        return x + self.table[start:end]


class EncoderLayer(nn.Module):
    """Self-attention, then the feed-forward net, each within LayerNorm(x + Dropout(sublayer(x))) (section 3.1).

    (B, S, C), mask (B, 1, 1, S) -> (B, S, C). With `norm_first` the norm stands before the sublayer instead:
    x + Dropout(sublayer(LayerNorm(x))), which most later models prefer. `options` are those of MultiHeadAttention.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, bias=True, **options):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads, dropout, bias, **options)
        self.feed_forward = FeedForward(d_model, d_ff, dropout, bias)
        self.norm1, self.norm2 = nn.LayerNorm(d_model, bias=bias), nn.LayerNorm(d_model, bias=bias)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x, mask=None):
        if self.norm_first:
            h = self.norm1(x)
            x = x + self.dropout(self.attention(h, h, h, mask))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attention(x, x, x, mask)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class DecoderLayer(nn.Module):
    """Masked self-attention, attention over the encoder's output `memory`, the feed-forward net (section 3.1).

    x (B, T, C), memory (B, S, C), mask (…, T, T) and memory_mask (B, 1, 1, S) -> (B, T, C). `cache` is a pair of
    dictionaries, one for each attention, which fill up as x comes token by token.
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.1, norm_first=False, bias=True, **options):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads, dropout, bias, **options)
        self.cross_attention = MultiHeadAttention(d_model, num_heads, dropout, bias, **options)
        self.feed_forward = FeedForward(d_model, d_ff, dropout, bias)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model, bias=bias) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, x, memory, mask=None, memory_mask=None, cache=(None, None)):
        own, crossed = cache
        if self.norm_first:
            h = self.norm1(x)
            x = x + self.dropout(self.self_attention(h, h, h, mask, own))
            h = self.norm2(x)
            x = x + self.dropout(self.cross_attention(h, memory, memory, memory_mask, crossed, static=True))
            return x + self.dropout(self.feed_forward(self.norm3(x)))
        x = self.norm1(x + self.dropout(self.self_attention(x, x, x, mask, own)))
        x = self.norm2(x + self.dropout(self.cross_attention(x, memory, memory, memory_mask, crossed, static=True)))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


class Transformer(nn.Module):
    """Encoder and decoder with embeddings and the output layer (Fig. 1): tokens in, logits of the next token out.

    src_vocab, tgt_vocab  sizes of the two vocabularies; tokens are int64
    d_model … dropout     the paper's N is num_layers, of the encoder and of the decoder each
    pad                   the token that fills up short sentences and that nobody attends to
    norm_first            the norm before the sublayer, with one more after each stack; False is the paper's way
    positions             "sinusoidal", "learned" (up to max_len positions), or None
    share                 "all": one matrix for both embeddings and the output layer, as in section 3.4 (it needs one
                          vocabulary); "target": the decoder's two; "none": three matrices. The output layer has a
                          bias only where nothing shares its matrix.
    scaled, fused         options of MultiHeadAttention; bias=False drops the biases of all layers

    `forward(src (B, S), tgt (B, T))` -> logits (B, T, tgt_vocab). Padding may stand anywhere in src; in tgt it must
    follow the sentence, where the mask of the future hides it. Raises ValueError for an unknown choice, for shared
    matrices of two sizes, for a d_model that the heads do not divide, and for an empty source or target.
    """

    def __init__(
        self,
        src_vocab,
        tgt_vocab,
        d_model=512,
        num_heads=8,
        num_layers=6,
        d_ff=2048,
        dropout=0.1,
        pad=0,
        norm_first=False,
        positions="sinusoidal",
        max_len=512,
        share="all",
        bias=True,
        scaled=True,
        fused=True,
    ):
        super().__init__()
        if positions not in ("sinusoidal", "learned", None):
            raise ValueError(f'positions is {positions!r}; expected "sinusoidal", "learned" or None')
        if share not in ("all", "target", "none"):
            raise ValueError(f'share is {share!r}; expected "all", "target" or "none"')
        if share == "all" and src_vocab != tgt_vocab:
            raise ValueError(
                f'one matrix cannot serve vocabularies of {src_vocab} and {tgt_vocab} tokens: expected share="target" '
                'or share="none", or one vocabulary for both languages'
            )
        self.d_model, self.pad = d_model, pad
        options = dict(dropout=dropout, norm_first=norm_first, bias=bias, scaled=scaled, fused=fused)
        self.src_embedding = nn.Embedding(src_vocab, d_model)
        self.tgt_embedding = self.src_embedding if share == "all" else nn.Embedding(tgt_vocab, d_model)
        self.output = nn.Linear(d_model, tgt_vocab, bias=bias and share == "none")
        self.src_positions, self.tgt_positions = (make_positions(positions, d_model, max_len) for _ in range(2))
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.ModuleList(EncoderLayer(d_model, num_heads, d_ff, **options) for _ in range(num_layers))
        self.decoder = nn.ModuleList(DecoderLayer(d_model, num_heads, d_ff, **options) for _ in range(num_layers))
        last = (nn.LayerNorm(d_model, bias=bias) if norm_first else nn.Identity() for _ in range(2))
        self.encoder_norm, self.decoder_norm = last
        self.apply(init_weights)
        if share != "none":
            self.output.weight = self.tgt_embedding.weight

    def forward(self, src, tgt):
        memory, memory_mask = self.encode(src)
        return self.output(self.decode(tgt, memory, memory_mask))

    def encode(self, src):
        """src (B, S) -> memory (B, S, C) and its mask (B, 1, 1, S): True where a token is no padding."""
        check_tokens(src, "src")
        mask = (src != self.pad)[:, None, None, :]
        x = self.dropout(self.src_positions(self.src_embedding(src) * math.sqrt(self.d_model)))
        for layer in self.encoder:
            x = layer(x, mask)
        return self.encoder_norm(x), mask

    def decode(self, tgt, memory, memory_mask, cache=None):
        """tgt (B, T), memory (B, S, C) -> (B, T, C): what the output layer turns into logits.

        With `cache`, made by `new_cache()`, `tgt` holds only the tokens after those that it was given before.
        """
        check_tokens(tgt, "tgt")
        start = cache[0][0]["key"].shape[2] if cache and cache[0][0] else 0
        T = tgt.shape[1]
        mask = None  # a single token may look at all that was said
        if T > 1:
            mask = torch.ones(T, start + T, dtype=torch.bool, device=tgt.device).tril(start)  # (T, start + T)
        x = self.dropout(self.tgt_positions(self.tgt_embedding(tgt) * math.sqrt(self.d_model), start))
        for i, layer in enumerate(self.decoder):
            x = layer(x, memory, mask, memory_mask, cache[i] if cache else (None, None))
        return self.decoder_norm(x)

    def new_cache(self):
        """An empty cache of keys and values for `decode`: a pair of dictionaries for each layer."""
        return [({}, {}) for _ in self.decoder]


class NoPositions(nn.Module):
    """x as it is: an encoder that cannot tell one order of its input from another."""

    def forward(self, x, start=0):
        return x


def make_positions(kind, d_model, max_len):
    """The layer of that name: "sinusoidal", "learned", or None for a model without positions."""
    if kind == "sinusoidal":
        return SinusoidalPositions(d_model)
    return LearnedPositions(d_model, max_len) if kind == "learned" else NoPositions()


def check_tokens(tokens, name):
    """Raise ValueError for anything but (B, T) with at least one token in each row."""
    if tokens.ndim != 2 or not tokens.shape[1]:
        raise ValueError(f"{name} has shape {tuple(tokens.shape)}; expected (B, length) with one token or more")


def init_weights(module):
    """Xavier for linear layers, N(0, 1/d_model) for embeddings: scaled by √d_model they enter with variance 1.

    The paper does not say how it begins.
    """
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)


def transformer_base(src_vocab=37_000, tgt_vocab=37_000, **options):
    """The base model: 44,138,496 parameters in the two stacks, 63,082,496 with one matrix of 37,000 tokens."""
    return Transformer(src_vocab, tgt_vocab, **options)


def transformer_big(src_vocab=37_000, tgt_vocab=37_000, dropout=0.3, **options):
    """The big model: 176,357,376 parameters in the two stacks, 214,245,376 with one matrix of 37,000 tokens."""
    sizes = dict(d_model=1024, num_heads=16, d_ff=4096)
    return Transformer(src_vocab, tgt_vocab, dropout=dropout, **sizes, **options)


def noam_rate(step, d_model=512, warmup=4000):
    """The learning rate of step 1, 2, …: d_model^-0.5 · min(step^-0.5, step · warmup^-1.5) (eq. 3)."""
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)


@torch.no_grad()
def greedy_decode(model, src, bos, eos, extra=50, use_cache=True):
    """The likeliest token at each step: src (B, S) -> tokens (B, at most longest input + extra), without `bos`.

    A sentence ends with `eos` and is filled up with `model.pad` after it, or ends at the number of its own source
    tokens + `extra`. `model` must be in eval mode (ValueError otherwise).
    """
    check_eval(model)
    memory, memory_mask = model.encode(src)
    limit = (src != model.pad).sum(dim=1) + extra  # (B,)
    tokens = torch.full((len(src), 1), bos, device=src.device)
    finished = torch.zeros(len(src), dtype=torch.bool, device=src.device)
    cache = model.new_cache() if use_cache else None
    for length in range(1, int(limit.max()) + 1):
        latest = tokens[:, -1:] if use_cache else tokens
        x = model.decode(latest, memory, memory_mask, cache)[:, -1]  # (B, C): the last position alone
        token = model.output(x).argmax(dim=-1).masked_fill(finished, model.pad)
        tokens = torch.cat([tokens, token[:, None]], dim=1)
        finished |= (token == eos) | (length >= limit)
        if finished.all():
            break
    return tokens[:, 1:]


@torch.no_grad()
def beam_search(model, src, bos, eos, beam=4, alpha=0.6, extra=50):
    """The best-scored of the sentences that a beam of `beam` finds: (tokens (B, length), scores (B,)).

    The score of a sentence of n tokens, `eos` counted, is its log-probability divided by ((5 + n) / 6)^alpha (Wu et
    al. 2016, eq. 14), so that short sentences are not preferred for having fewer factors. Limits, padding and errors
    are those of `greedy_decode`; a sentence that meets its limit is scored as it stands. Each step keeps the `beam`
    likeliest continuations; one that ends gives up its place. So beam=1 is greedy decoding. `alpha` is 0 or more.
    """
    check_eval(model)
    if beam < 1:
        raise ValueError(f"beam is {beam}; expected 1 or more")
    B, device, pad = len(src), src.device, model.pad
    memory, memory_mask = (x.repeat_interleave(beam, dim=0) for x in model.encode(src))  # (B * beam, …)
    limit = (src != pad).sum(dim=1) + extra  # (B,)
    tokens = torch.full((B, beam, 1), bos, device=device)
    alive = torch.full((B, beam), -math.inf, device=device)  # log-probabilities of the sentences without an end
    alive[:, 0] = 0.0  # the beams start out alike: all but one are switched off
    best, best_length = torch.full((B,), -math.inf, device=device), torch.zeros_like(limit)
    answers = torch.full((B, int(limit.max())), pad, device=device)
    cache, row = model.new_cache(), torch.arange(B, device=device)
    for length in range(1, int(limit.max()) + 1):
        x = model.decode(tokens[:, :, -1].reshape(B * beam, 1), memory, memory_mask, cache)[:, -1]  # (B * beam, C)
        log_p = F.log_softmax(model.output(x).float(), dim=-1).view(B, beam, -1)  # (B, beam, V)
        alive, index = (alive[:, :, None] + log_p).flatten(1).topk(beam, dim=1)
        source, token = index // log_p.shape[2], index % log_p.shape[2]  # (B, beam)
        tokens = torch.cat([tokens[row[:, None], source], token[:, :, None]], dim=2)  # (B, beam, 1 + length)

        ended = (token == eos) | (length >= limit)[:, None]
        score, place = (alive / length_penalty(length, alpha)).masked_fill(~ended, -math.inf).max(dim=1)
        better = score > best
        answers[better, :length] = tokens[row, place, 1:][better]
        best, best_length = torch.where(better, score, best), torch.where(better, length, best_length)

        alive = alive.masked_fill(ended, -math.inf)  # a sentence that ended leaves its place empty
        # log-probabilities only fall, and the penalty is largest at the limit: can an open sentence still win?
        if (alive.max(dim=1).values / length_penalty(limit, alpha) <= best).all():
            break
        reorder(cache, (row[:, None] * beam + source).flatten())
    past = torch.arange(answers.shape[1], device=device) >= best_length[:, None]
    return answers.masked_fill(past, pad)[:, : int(best_length.max())], best


def length_penalty(length, alpha):
    """((5 + length) / 6)^alpha."""
    return ((5 + length) / 6) ** alpha


def reorder(cache, order):
    """Let row i of every tensor of the decoder's own attention be what row order[i] was; the memory's stay."""
    for own, _ in cache:
        own.update({name: value[order] for name, value in own.items()})


def check_eval(model):
    """Raise ValueError for a model in training mode: its dropout would make the answers random."""
    if model.training:
        raise ValueError("the model is in training mode; expected model.eval() before decoding")
