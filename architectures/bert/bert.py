"""BERT: Devlin, Chang, Lee & Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", NAACL 2019.

Paper: https://arxiv.org/abs/1810.04805

    BertConfig, BertConfig.preset("base-uncased")   sizes and choices; the published ones by name
    SelfAttention, FeedForward, Block               an encoder layer of the Transformer, with GELU in place of ReLU
    Bert(config)                                    a text in; a vector for each token and one for the whole text out
    BertForPreTraining, pretraining_losses          masked words and next sentence (section 3.1)
    BertForSequenceClassification                   a class for a text or a pair of texts (section 3.2)
    corrupt                                         hides 15 % of the tokens by the 80/10/10 rule
    from_huggingface, to_huggingface                published weights in, and out again

Letters of the shapes: B texts, T tokens, C = d_model channels, H heads, D = C / H, P chosen positions, V = vocab_size.
This file needs torch and the standard library alone: copy it into your own project as it is.
"""

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-12  # of every layer norm
IGNORED = -100  # the label of a position that was not chosen, which torch's cross-entropy leaves out


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The sizes of a BERT. The defaults are those of BERT-base, uncased.

    context            the most tokens in a text; there is a learned vector for each position
    segments           kinds of text in one input: 2 for a pair of sentences
    d_ff               width of the feed-forward net; None for 4 d_model
    dropout            after the embeddings, after each sublayer and before a classifier
    attention_dropout  of the attention weights; None for the same as `dropout`
    causal             True: no position sees what follows it, as in the left-to-right model of section 5.1

    Raises ValueError for sizes below 1, a d_model that the heads do not divide, and a dropout outside [0, 1).
    """

    vocab_size: int = 30_522
    context: int = 512
    segments: int = 2
    d_model: int = 768
    num_layers: int = 12
    num_heads: int = 12
    d_ff: int | None = None
    dropout: float = 0.1
    attention_dropout: float | None = None
    causal: bool = False

    def __post_init__(self):
        if self.d_ff is None:
            object.__setattr__(self, "d_ff", 4 * self.d_model)
        for name in ("vocab_size", "context", "segments", "d_model", "num_layers", "num_heads", "d_ff"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if self.d_model % self.num_heads:
            raise ValueError(f"d_model {self.d_model} cannot be split into {self.num_heads} heads: expected a divisor")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 0 and less than 1")

    @classmethod
    def preset(cls, name, **changes):
        """A published size, one of PRESETS ("base-uncased", "large-cased", "mini" …), with `changes` to any field.

        Raises ValueError for another name.
        """
        if name not in PRESETS:
            raise ValueError(f"no preset is called {name!r}; expected one of {', '.join(PRESETS)}")
        return cls(**{**PRESETS[name], **changes})


LARGE = dict(d_model=1024, num_layers=24, num_heads=16)
PRESETS = {
    "base-uncased": dict(),
    "base-cased": dict(vocab_size=28_996),
    "large-uncased": LARGE,
    "large-cased": dict(LARGE, vocab_size=28_996),
    "tiny": dict(d_model=128, num_layers=2, num_heads=2),  # this and the next three: Turc et al. 2019, uncased
    "mini": dict(d_model=256, num_layers=4, num_heads=4),
    "small": dict(d_model=512, num_layers=4, num_heads=8),
    "medium": dict(d_model=512, num_layers=8, num_heads=8),
}


class SelfAttention(nn.Module):
    """Multi-head self-attention: (B, T, C) -> (B, T, C); every position looks at all others.

    visible  bool, broadcast to (B, H, T, T): True where a query may look at a key; None for everywhere
    After a forward pass with `keep_weights = True`, `weights` holds the attention weights (B, H, T, T).
    """

    def __init__(self, config):
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.dropout if config.attention_dropout is None else config.attention_dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.out = nn.Linear(config.d_model, config.d_model)
        self.keep_weights, self.weights = False, None

    def forward(self, x, visible=None):
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.num_heads, C // self.num_heads).permute(2, 0, 3, 1, 4)  # (B, H, T, D)
        if self.keep_weights:
            scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])
            if visible is not None:
                scores = scores.masked_fill(~visible, -math.inf)
            self.weights = scores.softmax(dim=-1)
            x = self.weights.to(v.dtype) @ v
        else:
            x = F.scaled_dot_product_attention(q, k, v, visible, dropout_p=self.dropout if self.training else 0.0)
        return self.out(x.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them, d_model -> d_ff -> d_model, the same at every position."""

    def __init__(self, config):
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_ff)
        self.gelu = nn.GELU()
        self.down = nn.Linear(config.d_ff, config.d_model)


class Block(nn.Module):
    """Self-attention, then the feed-forward net; a layer norm follows each residual sum."""

    def __init__(self, config):
        super().__init__()
        self.attention, self.feed_forward = SelfAttention(config), FeedForward(config)
        self.norm1, self.norm2 = (nn.LayerNorm(config.d_model, eps=EPSILON) for _ in range(2))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, visible=None):
        x = self.norm1(x + self.dropout(self.attention(x, visible)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class Bert(nn.Module):
    """The encoder: tokens int64 (B, T) -> a vector for each token (B, T, C) and one for the whole text (B, C).

    segments  int64 (B, T), 0 for the first text and 1 for the second; None for 0 everywhere
    mask      bool (B, T), True for tokens and False for padding; None where there is no padding. In a causal model
              padding comes last

    The vector of a text is a linear layer and tanh (the "pooler") of that of its first token, [CLS]; of the last token
    in a causal model; None with `pooler=False`. Raises ValueError for an empty text, one longer than the context, other
    shapes, and (on the CPU) for tokens and segments that the embeddings do not have.
    """

    def __init__(self, config, pooler=True):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context, config.d_model)
        self.segments = nn.Embedding(config.segments, config.d_model)
        self.norm, self.dropout = nn.LayerNorm(config.d_model, eps=EPSILON), nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.pooler = nn.Linear(config.d_model, config.d_model) if pooler else None
        initialise(self)

    def forward(self, tokens, segments=None, mask=None):
        self.check(tokens, segments, mask)
        T = tokens.shape[1]
        kind = self.segments.weight[0] if segments is None else self.segments(segments)
        x = self.dropout(self.norm(self.tokens(tokens) + self.positions.weight[:T] + kind))  # (B, T, C)
        visible = None if mask is None else mask[:, None, None, :]  # (B, 1, 1, T): the same for every query
        if self.config.causal:
            past = torch.ones(T, T, dtype=torch.bool, device=tokens.device).tril()
            visible = past if visible is None else visible & past
        for block in self.blocks:
            x = block(x, visible)
        if self.pooler is None:
            return x, None
        first = x[:, 0]
        if self.config.causal:  # the first token has seen nothing but itself: the last one speaks for the text
            last = tokens.new_full((len(tokens),), T - 1) if mask is None else mask.sum(dim=1) - 1
            first = x[torch.arange(len(x), device=x.device), last]
        return x, torch.tanh(self.pooler(first))

    def check(self, tokens, segments, mask):
        """Raise ValueError for what is no batch of texts, or does not fit."""
        config, shape = self.config, tuple(tokens.shape)
        if tokens.ndim != 2 or not tokens.numel():
            raise ValueError(f"tokens have shape {shape}; expected (B, T) with at least one token")
        if shape[1] > config.context:
            raise ValueError(
                f"a text of {shape[1]} tokens is longer than the context: expected {config.context} at most"
            )
        for name, value in (("segments", segments), ("mask", mask)):
            if value is not None and tuple(value.shape) != shape:
                raise ValueError(f"{name} has shape {tuple(value.shape)}; expected that of the tokens, {shape}")
        if mask is not None and mask.dtype != torch.bool:
            raise ValueError(f"mask is {mask.dtype}; expected torch.bool, True for tokens and False for padding")
        if tokens.device.type != "cpu" or torch.compiler.is_compiling():
            return  # on a GPU the values would have to be waited for
        for name, value, size in (("token", tokens, config.vocab_size), ("segment", segments, config.segments)):
            if value is not None and not 0 <= value.min() <= value.max() < size:
                unknown = value.min().item() if value.min() < 0 else value.max().item()
                raise ValueError(f"{name} {unknown} is unknown; expected 0 to {size - 1}")
        if mask is not None and not mask.any(dim=1).all():
            raise ValueError("a text is empty: its mask holds no True; expected at least one token")


class WordHead(nn.Module):
    """Vectors (…, C) -> logits of the hidden words (…, V): a linear layer, GELU and a layer norm first.

    The output layer is the matrix of the token embedding, with a bias of its own.
    """

    def __init__(self, config):
        super().__init__()
        self.transform = nn.Linear(config.d_model, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=EPSILON)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x, embedding):
        return F.linear(self.norm(F.gelu(self.transform(x))), embedding, self.bias)


class BertForPreTraining(nn.Module):
    """BERT with its two pre-training heads (section 3.1, tasks 1 and 2).

    tokens, segments, mask as in Bert; positions int64 (B, P): where words are asked for, None for everywhere
    -> logits of the words (B, P, V), and of the next sentence (B, 2): 0 "the second text follows", 1 "it does not".

    `next_sentence=False` leaves out the second task and the pooler: None stands in place of its logits.
    """

    def __init__(self, config, next_sentence=True):
        super().__init__()
        self.config = config
        self.bert, self.words = Bert(config, pooler=next_sentence), WordHead(config)
        self.next = nn.Linear(config.d_model, 2) if next_sentence else None
        initialise(self)

    def forward(self, tokens, segments=None, mask=None, positions=None):
        x, pooled = self.bert(tokens, segments, mask)
        if positions is not None:
            x = x.gather(1, positions[..., None].expand(-1, -1, x.shape[-1]))  # (B, P, C)
        return self.words(x, self.bert.tokens.weight), None if self.next is None else self.next(pooled)


class BertForSequenceClassification(nn.Module):
    """BERT with a linear classifier on the vector of the whole text (section 3.2): -> logits (B, classes).

    Raises ValueError for fewer than one class.
    """

    def __init__(self, config, classes=2):
        super().__init__()
        if classes < 1:
            raise ValueError(f"classes is {classes}; expected 1 or more")
        self.config = config
        self.bert, self.dropout = Bert(config), nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.d_model, classes)
        initialise(self)

    def forward(self, tokens, segments=None, mask=None):
        return self.classifier(self.dropout(self.bert(tokens, segments, mask)[1]))


def initialise(module):
    """Weights from N(0, 0.02²), biases 0; norms stay as torch has made them."""
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            nn.init.normal_(part.weight, std=0.02)
            if isinstance(part, nn.Linear):
                nn.init.zeros_(part.bias)


def pretraining_losses(word_logits, next_logits, word_labels, next_labels):
    """The two mean cross-entropies: of the words at chosen positions alone, and of the next sentence.

    word_labels int64 (B, P), -100 where nothing was chosen; next_labels int64 (B,), 0 where the second text follows.
    The paper minimises their sum.
    """
    words = F.cross_entropy(word_logits.flatten(0, 1), word_labels.flatten(), ignore_index=IGNORED)
    return words, F.cross_entropy(next_logits, next_labels)


def corrupt(tokens, allowed, mask_token, replacements, share=0.15, rule=(0.8, 0.1), generator=None):
    """Choose tokens at random and hide them (section 3.1, task 1; appendix A.1).

    tokens        int64 (B, T)
    allowed       bool (B, T), True where a token may be chosen: no [CLS], [SEP] or padding
    mask_token    the number of [MASK]
    replacements  int64 (n,): the tokens of which a random one is drawn
    share         how many of a text's allowed tokens are chosen: rounded, at least one
    rule          the probabilities that a chosen token becomes [MASK] or a random one; otherwise it stays
    -> corrupted tokens (B, T); positions (B, P) of the chosen ones in rising order; their true tokens (B, P), and -100
    where a text has fewer than P = the most of any text as long as T (position 0 stands there). The draws are made on
    the CPU, from `generator`.

    Raises ValueError for a share outside (0, 1], a rule that is no pair of probabilities, a text with nothing to hide.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; expected more than 0 and at most 1")
    masked, random = rule
    if min(masked, random) < 0 or masked + random > 1 + 1e-9:
        raise ValueError(f"rule is {rule}; expected two probabilities with a sum of at most 1")
    counts = allowed.sum(dim=1)
    if not counts.all():
        raise ValueError(f"text {counts.argmin().item()} has no token that may be hidden: expected at least one")
    B, T = tokens.shape
    P = max(1, round(share * T))
    wanted = (share * counts).round().clamp(1, P)[:, None]  # (B, 1)
    chance = torch.rand(B, T, generator=generator).to(tokens.device).masked_fill(~allowed, -1.0)
    positions = chance.topk(P, dim=1).indices
    positions = positions.masked_fill(torch.arange(P, device=tokens.device) >= wanted, T).sort(dim=1).values
    chosen = positions < T
    positions = positions.masked_fill(~chosen, 0)
    truth = tokens.gather(1, positions)  # (B, P)
    what = torch.rand(B, P, generator=generator).to(tokens.device)
    drawn = replacements[torch.randint(len(replacements), (B, P), generator=generator).to(replacements.device)]
    shown = torch.where(what < masked, mask_token, torch.where(what < masked + random, drawn.to(tokens.device), truth))
    # a place beyond the last one of each text takes what is written where nothing was chosen
    padded = torch.cat([tokens, tokens[:, :1]], dim=1)
    corrupted = padded.scatter(1, torch.where(chosen, positions, T), shown)[:, :T]
    return corrupted, positions, truth.masked_fill(~chosen, IGNORED)


NAMES = {  # our modules, and what Hugging Face calls them; qkv is three there
    "tokens": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "pooler": "pooler.dense",
    "attention.out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "feed_forward.up": "intermediate.dense",
    "feed_forward.down": "output.dense",
    "norm2": "output.LayerNorm",
    "words.transform": "cls.predictions.transform.dense",
    "words.norm": "cls.predictions.transform.LayerNorm",
    "words": "cls.predictions",
    "next": "cls.seq_relationship",
    "classifier": "classifier",
}
TIED = ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias")  # second names of the embedding and the bias
BUFFERS = ("position_ids", "token_type_ids")  # of no use, but in many published files


def from_huggingface(state, num_heads=None, **changes):
    """A model with the weights of `transformers`' BERT, or as Google published them: `state` is a state_dict.

    With the heads of the two pre-training tasks, or that of masked words alone, it is a BertForPreTraining; with a
    classifier a BertForSequenceClassification; else a Bert. Names may lack "bert.", and norms may have "gamma" and
    "beta". Sizes are read from the weights; heads, which they do not show, have 64 channels each unless `num_heads`
    says otherwise. `changes` are fields of BertConfig. Raises ValueError for weights that are missing, left over, or
    of another model.
    """
    state = {plain_name(name): value for name, value in state.items() if not name.endswith(BUFFERS)}
    embeddings = [NAMES[part] + ".weight" for part in ("tokens", "positions", "segments")]
    for name in embeddings:
        if name not in state:
            raise ValueError(f"these are no weights of a BERT: expected {name} among {', '.join(list(state)[:3])} …")
    if not torch.equal(state.pop(TIED[0], state[embeddings[0]]), state[embeddings[0]]):
        raise ValueError(f"{TIED[0]} differs from the token embedding; expected one matrix for both")
    if TIED[1] in state:
        state.setdefault("cls.predictions.bias", state.pop(TIED[1]))
    heads = [name for name in ("words", "next", "classifier") if NAMES[name] + ".bias" in state]
    (V, C), (T, _), (S, _) = (state[name].shape for name in embeddings)
    layers = {name.split(".")[2] for name in state if name.startswith("encoder.layer.")}
    d_ff = len(state.get("encoder.layer.0.intermediate.dense.bias", [0]))
    sizes = dict(vocab_size=V, context=T, segments=S, d_model=C, num_layers=len(layers), d_ff=d_ff)
    config = BertConfig(**{**sizes, "num_heads": num_heads or max(C // 64, 1), **changes})
    if "classifier" in heads:
        model = BertForSequenceClassification(config, len(state["classifier.bias"]))
    elif "words" in heads:
        model = BertForPreTraining(config, next_sentence="next" in heads)
    else:
        model = Bert(config, pooler="pooler.dense.weight" in state)
    ours = {}
    for name in model.state_dict():
        parts = their_names(name)
        missing = [part for part in parts if part not in state]
        if missing:
            raise ValueError(f"the weights lack {missing[0]!r}, which a BERT with {len(layers)} layers needs")
        ours[name] = torch.cat([state.pop(part) for part in parts])
    if state:
        raise ValueError(
            f"{len(state)} weights have no place in a {type(model).__name__}, such as {next(iter(state))!r}"
        )
    model.load_state_dict(ours)
    return model


def to_huggingface(model):
    """The state_dict that `transformers`' model of the same kind and sizes loads."""
    state = {}
    for name, value in model.state_dict().items():
        parts = their_names(name)
        prefix = "bert." if name.startswith("bert.") else ""
        state |= {prefix + part: piece for part, piece in zip(parts, value.chunk(len(parts)))}
    if isinstance(model, BertForPreTraining):
        state |= dict(zip(TIED, (model.bert.tokens.weight.detach(), model.words.bias.detach())))
    return state


def plain_name(name):
    """A published name as the newest files have it: without "bert.", norms with "weight" and "bias"."""
    name = name.removeprefix("bert.")
    for old, new in ((".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return name


def their_names(name):
    """['encoder.layer.3.output.dense.bias'] for 'bert.blocks.3.feed_forward.down.bias'; three names for qkv."""
    module, _, kind = name.removeprefix("bert.").rpartition(".")
    layer = ""
    if module.startswith("blocks."):
        _, number, module = module.split(".", 2)
        layer = f"encoder.layer.{number}."
    if module == "attention.qkv":
        return [f"{layer}attention.self.{part}.{kind}" for part in ("query", "key", "value")]
    return [f"{layer}{NAMES[module]}.{kind}"]
