"""GPT: Radford et al., "Improving Language Understanding by Generative Pre-Training", OpenAI 2018 (GPT-1), and
"Language Models are Unsupervised Multitask Learners", OpenAI 2019 (GPT-2).

Papers: https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf and
https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    GPTConfig, GPTConfig.preset("gpt2")         sizes and choices; the published ones by name
    SelfAttention, FeedForward, Block           a decoder layer of the Transformer without its cross-attention
    GPT(config)                                 tokens in, logits of the next token at every position out
    GPT.generate, Cache, next_probabilities     token by token, with a KV cache, temperature, top-k, top-p
    from_huggingface, to_huggingface            published weights in, and out again
    gpt_shakespeare()                           a small GPT trained on tiny Shakespeare, from weights/

Letters of the shapes: B texts, T tokens, C = d_model channels, H heads, D = C / H, V = vocab_size. This file needs
torch and the standard library alone: copy it into your own project as it is.
"""

import dataclasses
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT, and where GPT-1 and GPT-2 differ. The defaults are those of the smallest GPT-2.

    context            the most tokens that it can look at; it has a learned vector for each position
    dropout            after the embeddings and after each sublayer
    attention_dropout  of the attention weights; None for the same as `dropout`
    norm_first         True: the layer norm stands before each sublayer, and one more at the end (pre-LN: GPT-2);
                       False: it stands after each residual sum (post-LN: GPT-1)
    bias               False leaves out the biases of linear layers and norms

    Raises ValueError for sizes below 1, a d_model that the heads do not divide, and a dropout outside [0, 1).
    """

    vocab_size: int = 50_257
    context: int = 1024
    d_model: int = 768
    num_layers: int = 12
    num_heads: int = 12
    dropout: float = 0.1
    attention_dropout: float | None = None
    norm_first: bool = True
    bias: bool = True

    def __post_init__(self):
        for name in ("vocab_size", "context", "d_model", "num_layers", "num_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if self.d_model % self.num_heads:
            raise ValueError(f"d_model {self.d_model} cannot be split into {self.num_heads} heads: expected a divisor")
        for name in ("dropout", "attention_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 0 and less than 1")

    @classmethod
    def preset(cls, name, **changes):
        """A published size, "gpt1", "gpt2", "gpt2-medium", "gpt2-large" or "gpt2-xl", with `changes` to any field.

        Raises ValueError for another name.
        """
        if name not in PRESETS:
            raise ValueError(f"no preset is called {name!r}; expected one of {', '.join(PRESETS)}")
        return cls(**{**PRESETS[name], **changes})


PRESETS = {
    "gpt1": dict(vocab_size=40_478, context=512, norm_first=False),
    "gpt2": dict(),
    "gpt2-medium": dict(d_model=1024, num_layers=24, num_heads=16),
    "gpt2-large": dict(d_model=1280, num_layers=36, num_heads=20),
    "gpt2-xl": dict(d_model=1600, num_layers=48, num_heads=25),
}


class SelfAttention(nn.Module):
    """Multi-head self-attention with a causal mask: (B, T, C) -> (B, T, C); position t looks at positions up to t.

    After a forward pass with `keep_weights = True`, `weights` holds the attention weights (B, H, T, T).
    """

    def __init__(self, config):
        super().__init__()
        self.num_heads = config.num_heads
        self.dropout = config.dropout if config.attention_dropout is None else config.attention_dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=config.bias)
        self.out = nn.Linear(config.d_model, config.d_model, bias=config.bias)
        self.keep_weights, self.weights = False, None

    def forward(self, x, cache=None, layer=0):
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.num_heads, C // self.num_heads).permute(2, 0, 3, 1, 4)  # (B, H, T, D)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, H, S, D), S >= T: the tokens before as well
        mask = None
        if 1 < T < k.shape[2]:  # `is_causal` aligns the mask top-left; cached keys need it bottom-right
            mask = torch.ones(T, k.shape[2], dtype=torch.bool, device=x.device).tril(k.shape[2] - T)
        if self.keep_weights:
            mask = torch.ones(T, k.shape[2], dtype=torch.bool, device=x.device).tril(k.shape[2] - T)
            scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-1])
            self.weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)  # (B, H, T, S)
            x = self.weights.to(v.dtype) @ v
        else:
            options = dict(dropout_p=self.dropout if self.training else 0.0, is_causal=1 < T == k.shape[2])
            x = F.scaled_dot_product_attention(q, k, v, mask, **options)
        return self.out(x.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them, d_model -> 4 d_model -> d_model, the same at every position.

    GELU is computed by its tanh approximation, which OpenAI's code uses.
    """

    def __init__(self, config):
        super().__init__()
        self.up = nn.Linear(config.d_model, 4 * config.d_model, bias=config.bias)
        self.gelu = nn.GELU(approximate="tanh")
        self.down = nn.Linear(4 * config.d_model, config.d_model, bias=config.bias)


class Block(nn.Module):
    """Self-attention, then the feed-forward net, each with a residual connection and a layer norm."""

    def __init__(self, config):
        super().__init__()
        self.norm_first = config.norm_first
        self.norm1, self.norm2 = (nn.LayerNorm(config.d_model, bias=config.bias) for _ in range(2))
        self.attention, self.feed_forward = SelfAttention(config), FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, cache=None, layer=0):
        if self.norm_first:
            x = x + self.dropout(self.attention(self.norm1(x), cache, layer))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attention(x, cache, layer)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class Cache:
    """A KV cache: the keys and values of the tokens that a GPT has seen, so that they are not computed again.

    `length` tokens are in it. `GPT.new_cache` makes one.
    """

    def __init__(self, config, batch):
        self.size = (config.num_layers, 2, batch, config.num_heads, config.context, config.d_model // config.num_heads)
        self.content, self.length = None, 0

    def extend(self, layer, k, v):
        """Append the keys and values (B, H, T, D) of new tokens in one layer; all of that layer's are returned."""
        if self.content is None:  # in the precision and on the device of the first keys
            self.content = k.new_empty(self.size)
        end = self.length + k.shape[2]
        self.content[layer, 0, :, :, self.length : end] = k
        self.content[layer, 1, :, :, self.length : end] = v
        return self.content[layer, 0, :, :, :end], self.content[layer, 1, :, :, :end]


class GPT(nn.Module):
    """A decoder-only Transformer: tokens int64 (B, T) -> logits of the next token (B, T, V), one set a position.

    The output layer has the weights of the token embedding. Raises ValueError for an empty text, one that is longer
    than the context, and (on the CPU) for tokens outside the vocabulary.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.d_model, bias=config.bias) if config.norm_first else nn.Identity()
        self.initialise()

    def initialise(self):
        """Weights from N(0, 0.02²), biases 0, norms 1; GPT-2's output projections with a standard deviation over √(2L).

        Each sublayer adds to the residual stream, whose variance would grow with the depth. The paper scales by 1/√N
        for N residual layers; with N = 2L sublayers we follow nanoGPT. The output layer has the embedding's weights in
        both papers (GPT-1, eq. 2).
        """
        for name, parameter in self.named_parameters():
            if "norm" in name:
                continue  # as torch has made them
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
                continue
            scaled = self.config.norm_first and name.endswith(("attention.out.weight", "feed_forward.down.weight"))
            nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.num_layers) if scaled else 0.02)

    def forward(self, tokens, cache=None):
        return self.output(self.features(tokens, cache))

    def features(self, tokens, cache=None):
        """tokens (B, T) -> (B, T, C): what the output layer turns into logits.

        With `cache`, `tokens` holds only those after the ones that it has seen.
        """
        start = cache.length if cache is not None else 0
        self.check(tokens, start)
        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self.dropout(self.tokens(tokens) + self.positions(positions))
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        if cache is not None:
            cache.length += tokens.shape[1]
        return self.norm(x)

    def output(self, x):
        """(…, C) -> logits (…, V), with the weights of the token embedding (tied)."""
        return F.linear(x, self.tokens.weight)

    def check(self, tokens, start=0):
        """Raise ValueError for what is no batch of texts, or does not fit."""
        if tokens.ndim != 2 or not tokens.shape[1]:
            raise ValueError(f"tokens have shape {tuple(tokens.shape)}; expected (B, T) with at least one token")
        if start + tokens.shape[1] > self.config.context:
            raise ValueError(
                f"a text of {start + tokens.shape[1]} tokens is longer than the context: expected at most "
                f"{self.config.context}"
            )
        if tokens.device.type == "cpu" and not torch.compiler.is_compiling():  # on a GPU it would have to be waited for
            low, high = tokens.min().item(), tokens.max().item()
            if low < 0 or high >= self.config.vocab_size:
                unknown = low if low < 0 else high
                raise ValueError(f"token {unknown} is unknown; expected 0 to {self.config.vocab_size - 1}")

    def new_cache(self, batch=1):
        """An empty cache for `batch` texts."""
        return Cache(self.config, batch)

    def generate(self, prompt, count, temperature=1.0, top_k=None, top_p=None, seed=None, stop=None, use_cache=True):
        """Continue `prompt` by up to `count` tokens, one after another, as a stream, in evaluation mode.

        prompt  a list of tokens: then tokens come out as numbers; or int64 (B, T): then they come out as int64 (B,)
        seed    of the draws; None draws from torch's own random state
        stop    a token that ends the text; it is not yielded. Of a batch, a text that has ended repeats it until all
                have, and it is yielded
        `temperature`, `top_k`, `top_p` are those of `next_probabilities`. Where the context is full, the older half of
        the text is forgotten, so that a text may have any length. `use_cache=False` computes every token anew: the
        same, slowly. Raises ValueError for an empty or too long prompt, an unknown token, and as `next_probabilities`.
        """
        one = not isinstance(prompt, torch.Tensor)
        device = self.tokens.weight.device
        text = torch.tensor([list(prompt)], dtype=torch.int64) if one else prompt.detach()
        if not text.numel():
            raise ValueError("the prompt is empty: expected at least one token, such as the end of a text or a newline")
        self.check(text.cpu())
        check_sampling(temperature, top_k, top_p)
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return self._stream(text.to(device), count, (temperature, top_k, top_p), generator, stop, use_cache, one)

    @torch.no_grad()
    def _stream(self, text, count, choice, generator, stop, use_cache, one):
        """The tokens of `generate`, whose arguments have been checked. `text` is what the model still remembers."""
        was_training, cache = self.training, None
        ended = torch.zeros(len(text), dtype=torch.bool)
        self.eval()
        try:
            for _ in range(count):
                if text.shape[1] > self.config.context:
                    text, cache = text[:, -max(self.config.context // 2, 1) :], None
                if use_cache and cache is None:
                    cache = self.new_cache(len(text))
                x = self.features(text[:, cache.length :] if use_cache else text, cache)[:, -1]
                probabilities = next_probabilities(self.output(x).float().cpu(), *choice)
                token = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
                if stop is not None:
                    token = torch.where(ended, stop, token)
                    ended |= token == stop
                    if ended.all():
                        return
                yield token.item() if one else token.to(text.device)
                text = torch.cat([text, token[:, None].to(text.device)], dim=1)
        finally:
            self.train(was_training)


GPT1_NAMES = {  # our modules, and what Hugging Face calls them
    "tokens": "tokens_embed",
    "positions": "positions_embed",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
GPT2_NAMES = {**GPT1_NAMES, "tokens": "wte", "positions": "wpe", "norm": "ln_f"}


def from_huggingface(state, num_heads=None, **changes):
    """A GPT with the weights of `transformers`' GPT2LMHeadModel or OpenAIGPTLMHeadModel: `state` is its state_dict.

    Sizes are read from the weights; heads, which they do not show, have 64 channels each unless `num_heads` says
    otherwise. `changes` are fields of GPTConfig, such as a dropout. Raises ValueError for weights of another network,
    where one is missing, and for an output layer with weights of its own.
    """
    state = {name.removeprefix("transformer."): value for name, value in state.items()}
    norm_first = "wte.weight" in state
    names = GPT2_NAMES if norm_first else GPT1_NAMES
    if names["tokens"] + ".weight" not in state:
        raise ValueError(
            f"these are no weights of a GPT-1 or GPT-2: expected tokens_embed.weight or wte.weight among "
            f"{', '.join(list(state)[:3])} …"
        )
    embedding = state[names["tokens"] + ".weight"]
    if not torch.equal(state.get("lm_head.weight", embedding), embedding):
        raise ValueError("lm_head.weight is not the token embedding: expected an output layer that shares its weights")
    (V, C), (T, _) = (state[names[part] + ".weight"].shape for part in ("tokens", "positions"))
    layers = {name.split(".")[1] for name in state if name.startswith("h.")}
    sizes = dict(vocab_size=V, context=T, d_model=C, num_layers=len(layers), num_heads=num_heads or max(C // 64, 1))
    model = GPT(GPTConfig(**{**sizes, "norm_first": norm_first, **changes}))
    ours = {}
    for name in model.state_dict():
        theirs = their_name(name, names)
        if theirs not in state:
            raise ValueError(f"the weights lack {theirs!r}, which a GPT with {len(layers)} layers needs")
        ours[name] = state[theirs].t() if is_transposed(name) else state[theirs]
    model.load_state_dict(ours)
    return model


def to_huggingface(model):
    """The state_dict that `transformers`' GPT2LMHeadModel or OpenAIGPTLMHeadModel of the model's sizes loads.

    Biases that the model does not have are zeros there.
    """
    names = GPT2_NAMES if model.config.norm_first else GPT1_NAMES
    ours = model.state_dict()
    for name, value in list(ours.items()):
        bias = name.removesuffix("weight") + "bias"
        if name.endswith("weight") and bias not in ours and name not in ("tokens.weight", "positions.weight"):
            ours[bias] = value.new_zeros(value.shape[0])
    state = {}
    for name, value in ours.items():
        state[f"transformer.{their_name(name, names)}"] = value.t() if is_transposed(name) else value
    return {**state, "lm_head.weight": model.tokens.weight.detach()}


def their_name(name, names):
    """'h.3.attn.c_attn.bias' for 'blocks.3.attention.qkv.bias'."""
    module, _, kind = name.rpartition(".")
    if not module.startswith("blocks."):
        return f"{names[module]}.{kind}"
    _, number, part = module.split(".", 2)
    return f"h.{number}.{names[part]}.{kind}"


def is_transposed(name):
    """Whether Hugging Face keeps this weight as (in, out), for its Conv1D; torch's Linear has (out, in)."""
    return name.endswith("weight") and ("attention." in name or "feed_forward." in name)


def check_sampling(temperature, top_k, top_p):
    """Raise ValueError for settings of `next_probabilities` that make no sense."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature is {temperature}; expected 0 (the most probable token) or more")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; expected 1 or more, or None for all tokens")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; expected more than 0 and at most 1, or None for all tokens")


def next_probabilities(logits, temperature=1.0, top_k=None, top_p=None):
    """The probabilities from which the next token is drawn: logits (…, V) -> (…, V).

    temperature  divides the logits: below 1 the probable tokens gain, above 1 the others; 0 leaves the most probable
    top_k        only the k most probable tokens stay
    top_p        only the most probable tokens stay, as few as together have at least this probability

    They act in this order, and what stays is scaled to a sum of 1. Raises ValueError for settings that make no sense.
    """
    check_sampling(temperature, top_k, top_p)
    if temperature == 0:
        return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    probabilities = (logits / temperature).softmax(dim=-1)
    if top_k is None and top_p is None:
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ordered[..., top_k:] = 0
    if top_p is not None:
        ordered = ordered / ordered.sum(dim=-1, keepdim=True)
        before = ordered.cumsum(dim=-1) - ordered  # what the more probable tokens have together
        ordered[before >= top_p] = 0
    kept = torch.zeros_like(probabilities).scatter(-1, order, ordered)
    return kept / kept.sum(dim=-1, keepdim=True)


def gpt_shakespeare():
    """A small GPT trained on the characters of tiny Shakespeare, in evaluation mode, and what to know about it.

    Returns (model, about): `about["characters"]` has the character of each token; `about` also tells the validation
    loss and where it was made. Raises FileNotFoundError where the file weights/gpt_shakespeare.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "gpt_shakespeare.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = GPT(GPTConfig(**about["settings"]))
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
