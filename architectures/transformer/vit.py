"""The Vision Transformer: Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at
Scale", ICLR 2021.

Paper: https://arxiv.org/abs/2010.11929

    VisionTransformer                          section 3.1, Fig. 1, eq. 1 to 4
    SelfAttention, EncoderBlock                appendix A; eq. 2 and 3
    vit_b_16, vit_b_32, vit_l_16, …            the models of Table 1, for 224 pixels and 1,000 classes
    vit_small                                  a small one for 32 pixels, as in CIFAR-10
    to_patches, from_patches, shuffle_patches  an image as a sequence of patches, and back
    attention_maps, attention_rollout          where it looks (appendix D)
    from_torchvision(state_dict)               published weights under the names of this file
    vit_cifar10()                              a trained vit_small, from weights/

Letters of the shapes: B images, N patches, T tokens (the patches, and the class token if there is one), H heads,
C = d_model. This file needs torch and the standard library alone: copy it into your own project as it is.
"""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """softmax(Q Kᵀ / √d_k) V in several heads, then a linear layer (appendix A): (B, T, C) -> (B, T, C).

    One matrix makes queries, keys and values. `dropout` acts on the attention weights while training; `fused` uses
    torch's kernel, which need not hold them in memory. After a forward pass with `keep_weights = True`, `weights` has
    them, (B, H, T, T). Raises ValueError where d_model is not a multiple of num_heads.
    """

    def __init__(self, d_model, num_heads, dropout=0.0, fused=True):
        super().__init__()
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"d_model {d_model} cannot be split into num_heads {num_heads}: expected a divisor")
        self.num_heads, self.dropout, self.fused = num_heads, dropout, fused
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.keep_weights, self.weights = False, None

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # (B, H, T, d_k) each
        dropout = self.dropout if self.training else 0.0
        if self.fused and not self.keep_weights:
            x = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        else:
            weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)  # (B, H, T, T)
            self.weights = weights.detach() if self.keep_weights else None
            x = F.dropout(weights, dropout) @ v
        return self.out(x.transpose(1, 2).flatten(2))  # (B, T, C)


class FeedForward(nn.Sequential):
    """Two linear layers with a GELU between them, the same for every token: (B, T, C) -> (B, T, C)."""

    def __init__(self, d_model, d_ff, dropout=0.0):
        super().__init__()
        self.up, self.activation, self.dropout = nn.Linear(d_model, d_ff), nn.GELU(), nn.Dropout(dropout)
        self.down = nn.Linear(d_ff, d_model)


class EncoderBlock(nn.Module):
    """Self-attention and the feed-forward net, each after a layer norm and with a residual connection (eq. 2 and 3).

    (B, T, C) -> (B, T, C).
    """

    def __init__(self, d_model, num_heads, d_ff, dropout=0.0, attention_dropout=0.0, fused=True):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d_model, eps=1e-6), nn.LayerNorm(d_model, eps=1e-6)
        self.attention = SelfAttention(d_model, num_heads, attention_dropout, fused)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.feed_forward(self.norm2(x)))


class VisionTransformer(nn.Module):
    """The encoder of a Transformer on patches of images: (B, in_channels, image_size, image_size) -> (B, num_classes).

    image_size, patch_size  in pixels a side; the patches lie side by side, (image_size / patch_size)² of them
    d_model … num_heads     the paper's D, layers and heads; d_ff is its "MLP size"
    pool                    what the head reads: "class", the output of an extra token (eq. 4), or "mean", the
                            average of the patches' outputs, without such a token. The head is one linear layer, as
                            in the paper's fine-tuning; its pre-training has a hidden layer there (section 3.1).
    positions               "learned": a vector for each token is added (eq. 1); None: the net can't know where a
                            patch comes from
    overlap                 pixels by which each patch reaches beyond its borders on every side; 0 in the paper
    dropout                 on the embeddings and in each sublayer; attention_dropout on the attention weights
    fused                   an option of SelfAttention

    Raises ValueError for a size that the patch does not divide (it names the nearest that fit), for an unknown choice,
    and in `forward` for images of another shape.
    """

    def __init__(
        self,
        image_size=224,
        patch_size=16,
        num_classes=1000,
        d_model=768,
        num_layers=12,
        num_heads=12,
        d_ff=3072,
        in_channels=3,
        pool="class",
        positions="learned",
        overlap=0,
        dropout=0.0,
        attention_dropout=0.0,
        fused=True,
    ):
        super().__init__()
        sizes = dict(image_size=image_size, patch_size=patch_size, num_classes=num_classes, num_layers=num_layers)
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} is {size}; expected 1 or more")
        if pool not in ("class", "mean"):
            raise ValueError(f'pool is {pool!r}; expected "class" or "mean"')
        if positions not in ("learned", None):
            raise ValueError(f'positions is {positions!r}; expected "learned" or None')
        if overlap < 0:
            raise ValueError(f"overlap is {overlap}; expected 0 pixels or more")
        self.grid = grid_size(image_size, patch_size)  # patches a side
        self.image_size, self.in_channels, self.pool = image_size, in_channels, pool
        wide = patch_size + 2 * overlap
        self.patches = nn.Conv2d(in_channels, d_model, kernel_size=wide, stride=patch_size, padding=overlap)
        self.class_token = nn.Parameter(torch.zeros(1, 1, d_model)) if pool == "class" else None
        tokens = self.grid**2 + (pool == "class")
        self.positions = nn.Parameter(torch.empty(1, tokens, d_model)) if positions == "learned" else None
        self.dropout = nn.Dropout(dropout)
        options = dict(dropout=dropout, attention_dropout=attention_dropout, fused=fused)
        self.layers = nn.ModuleList(EncoderBlock(d_model, num_heads, d_ff, **options) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model, eps=1e-6)
        self.head = nn.Linear(d_model, num_classes)
        self.apply(init_weights)
        nn.init.zeros_(self.head.weight)
        if self.positions is not None:
            nn.init.normal_(self.positions, std=0.02)

    def forward(self, x):
        x = self.features(x)
        return self.head(x[:, 0] if self.pool == "class" else x.mean(dim=1))

    def features(self, x):
        """Images -> the tokens after the last norm, (B, T, C); the class token, if there is one, comes first."""
        expected = (self.in_channels, self.image_size, self.image_size)
        if x.ndim != 4 or tuple(x.shape[1:]) != expected:
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (B, {', '.join(map(str, expected))})")
        x = self.patches(x).flatten(2).transpose(1, 2)  # (B, N, C)
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
        if self.positions is not None:
            x = x + self.positions
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


def grid_size(image_size, patch_size):
    """How many patches fit beside each other. Raises ValueError where it is no whole number."""
    grid, rest = divmod(image_size, patch_size)
    if rest or not grid:
        nearest = [patch_size * n for n in (grid, grid + 1) if n]
        raise ValueError(
            f"{image_size} pixels a side cannot be cut into patches of {patch_size}; "
            f"the nearest that can: {' or '.join(map(str, nearest))}"
        )
    return grid


def init_weights(module):
    """Xavier for linear layers (queries, keys and values each as a matrix of its own), N(0, 1 / inputs) for patches.

    The head begins with zeros (section 3.2), positions with N(0, 0.02²). What the paper leaves open is as in the
    authors' code, but for the biases of the feed-forward net, which begin at zero.
    """
    if isinstance(module, SelfAttention):
        for matrix in module.qkv.weight.data.chunk(3):
            nn.init.xavier_uniform_(matrix)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=math.sqrt(1 / module.weight[0].numel()))
        nn.init.zeros_(module.bias)


def vit_b_16(num_classes=1000, image_size=224, **options):
    """ViT-Base with patches of 16 pixels: 86,567,656 parameters. `options` are those of `VisionTransformer`."""
    return VisionTransformer(image_size, 16, num_classes, **options)


def vit_b_32(num_classes=1000, image_size=224, **options):
    """ViT-Base with patches of 32 pixels: 88,224,232 parameters."""
    return VisionTransformer(image_size, 32, num_classes, **options)


def vit_l_16(num_classes=1000, image_size=224, **options):
    """ViT-Large with patches of 16 pixels: 304,326,632 parameters."""
    return VisionTransformer(image_size, 16, num_classes, 1024, 24, 16, 4096, **options)


def vit_l_32(num_classes=1000, image_size=224, **options):
    """ViT-Large with patches of 32 pixels: 306,535,400 parameters."""
    return VisionTransformer(image_size, 32, num_classes, 1024, 24, 16, 4096, **options)


def vit_h_14(num_classes=1000, image_size=224, **options):
    """ViT-Huge with patches of 14 pixels: 632,045,800 parameters."""
    return VisionTransformer(image_size, 14, num_classes, 1280, 32, 16, 5120, **options)


def vit_small(num_classes=10, image_size=32, patch_size=4, d_model=160, num_layers=6, num_heads=5, d_ff=384, **options):
    """A ViT for small images, with the mean of the patches: 1,382,634 parameters, 94.9 million multiply-adds.

    `options` are those of `VisionTransformer`; "class" for `pool` gives the paper's class token.
    """
    options = {"pool": "mean", **options}
    return VisionTransformer(image_size, patch_size, num_classes, d_model, num_layers, num_heads, d_ff, **options)


# Images as sequences


def to_patches(images, patch_size):
    """(B, C, H, W) -> (B, N, C, patch_size, patch_size), row by row. Raises ValueError for sizes that do not fit."""
    B, C, H, W = images.shape
    rows, columns = grid_size(H, patch_size), grid_size(W, patch_size)
    tiles = images.view(B, C, rows, patch_size, columns, patch_size)
    return tiles.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def from_patches(patches, columns):
    """The images (B, C, H, W) that `to_patches` cut; `columns` is the number of patches side by side."""
    tiles = patches.unflatten(1, (-1, columns))  # (B, rows, columns, C, P, P)
    return tiles.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def shuffle_patches(images, patch_size, order):
    """Images whose patch n is what patch order[n] was; `order` (N,) for all images, or (B, N) with a row for each."""
    patches = to_patches(images, patch_size)
    order = order.expand(len(images), -1).to(images.device)
    mixed = patches[torch.arange(len(images), device=images.device)[:, None], order]
    return from_patches(mixed, images.shape[-1] // patch_size)


# Where it looks


@torch.no_grad()
def attention_maps(model, images):
    """The attention weights of all layers for some images, in eval mode: (layers, B, H, T, T), float32.

    The model is left as it was.
    """
    was_training, modules = model.training, [layer.attention for layer in model.layers]
    model.eval()
    try:
        for module in modules:
            module.keep_weights = True
        model.features(images)
        return torch.stack([module.weights.float() for module in modules])
    finally:
        for module in modules:
            module.keep_weights, module.weights = False, None
        model.train(was_training)


def attention_rollout(model, images):
    """How much of each patch reaches what the head reads, after Abnar & Zuidema 2020: (B, grid, grid), sums to 1.

    Heads are averaged; half of each layer's output counts as coming through the residual connection. For a model with
    the mean of the patches, it is the mean over all of them. A rough estimate: it knows nothing of the values.
    """
    mixing = attention_maps(model, images).mean(dim=2)  # (layers, B, T, T)
    total = identity = torch.eye(mixing.shape[-1], device=mixing.device)
    for weights in mixing:
        total = (0.5 * weights + 0.5 * identity) @ total
    flow = total[:, 0, 1:] if model.pool == "class" else total.mean(dim=1)  # (B, N)
    return (flow / flow.sum(dim=1, keepdim=True)).unflatten(1, (model.grid, model.grid))


# Weights


def from_torchvision(state_dict):
    """The weights of torchvision's `vit_b_16` and its sisters under the names that the net of this file has.

    `model.load_state_dict(from_torchvision(weights))`. Images must be prepared as torchvision says: for vit_b_16, the
    central 224 of 256 pixels, mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225). Raises
    ValueError for weights of something else.
    """
    parts = (
        ("encoder.layers.encoder_layer_", "layers."),
        ("encoder.pos_embedding", "positions"),
        ("encoder.ln.", "norm."),
        ("conv_proj.", "patches."),
        ("heads.head.", "head."),
        (".ln_", ".norm"),
        (".self_attention.in_proj_", ".attention.qkv."),
        (".self_attention.out_proj.", ".attention.out."),
        (".mlp.linear_1.", ".feed_forward.up."),  # as in files from before torchvision 0.14
        (".mlp.linear_2.", ".feed_forward.down."),
        (".mlp.0.", ".feed_forward.up."),
        (".mlp.3.", ".feed_forward.down."),
    )
    if "encoder.pos_embedding" not in state_dict:
        raise ValueError(f"no key is encoder.pos_embedding: not torchvision's; the first are {list(state_dict)[:3]}")
    renamed = {}
    for name, value in state_dict.items():
        for theirs, ours in parts:
            name = name.replace(theirs, ours)
        renamed[name] = value
    return renamed


def vit_cifar10():
    """A `vit_small` trained on CIFAR-10 by Transformer.ipynb, in eval mode, and what to know about it.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, 32, 32) with values in [0, 1] are
    to be normalised by `about["mean"]` and `about["std"]`, three channels each. Raises FileNotFoundError where the
    file weights/vit_cifar10.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "vit_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = vit_small(**about["settings"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
