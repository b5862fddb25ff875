"""LeNet-5: LeCun, Bottou, Bengio & Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998.

    LeNet5()           the network of section II.B: trainable subsampling, C3's connection table, scaled tanh,
                       distances to fixed codes of the digits as output
    lenet5_loss        the paper's loss: the distance to the correct code (eq. 8), or with the competitive term (eq. 9)
    lenet5_modern()    the form that is taught today: average pooling, dense C3, a linear output

This file needs torch and the standard library alone: copy it into your own project as it is.
"""

import torch
from torch import nn

# Table I: the feature maps of S2 that each of the 16 feature maps of C3 is connected to.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)

# Fig. 3: the ten digits as images of 7 x 12 pixels, # for +1, as transcribed in mattwang44/LeNet-from-Scratch.
DIGITS = """
.#####.  ...##..  .#####.  #######  .#####.  .#####.  ..####.  #######  .#####.  .#####.
.......  ..###..  .......  .....##  .......  .......  .##....  .....##  ##...##  ##..###
..###..  .####..  .#####.  ....##.  .......  #######  ##.....  .....##  ##...##  ##...##
.##.##.  ...##..  ##...##  ...##..  .##..##  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  #....##  ..####.  .##..##  ##.....  ######.  ...##..  .#####.  ##..###
##...##  ...##..  ....##.  .....##  ###..##  .####..  ###..##  ...##..  ##...##  .######
##...##  ...##..  ..###..  .....##  ##...##  ..####.  ##...##  ..##...  ##...##  .....##
##...##  ...##..  .##....  .....##  ##...##  .....##  ##...##  ..##...  ##...##  .....##
.##.##.  ...##..  ##.....  ##...##  ##..###  ##...##  ###..##  ..##...  ##...##  ....##.
..###..  .######  #######  .#####.  .######  .#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .....##  .......  .......  .......  .......  .......
.......  .......  .......  .......  .....##  .......  .......  .......  .......  .......
"""


def digit_codes():
    """The ten bitmaps of Fig. 3 as targets of the 84 units of F6: (10, 84), +1 and -1."""
    rows = [line.split() for line in DIGITS.split("\n") if line]
    images = ["".join(row[digit] for row in rows) for digit in range(10)]
    return torch.tensor([[1.0 if pixel == "#" else -1.0 for pixel in image] for image in images])


class ScaledTanh(nn.Module):
    """1.7159 tanh(2a / 3), which is ±1 at ±1 (appendix A)."""

    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """The sum of each 2x2 square times a trainable coefficient plus a trainable bias, per channel (S2 and S4).

    (B, channels, H, W) -> (B, channels, H / 2, W / 2).
    """

    def __init__(self, channels):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        return self.coefficient * nn.functional.avg_pool2d(x, 2) * 4 + self.bias


class TableConv(nn.Module):
    """A 5x5 convolution whose feature maps are connected only to the input feature maps that `table` names (C3).

    (B, inputs, H, W) -> (B, len(table), H - 4, W - 4). `weight` is (pairs in the table, 5, 5), initialised uniformly
    in [-2.4/fan-in, 2.4/fan-in]; `kernel` spreads it out with zeros in between.
    """

    def __init__(self, table, inputs, size=5):
        super().__init__()
        seen = torch.zeros(len(table), inputs, dtype=torch.bool)
        for out, maps in enumerate(table):
            seen[out, list(maps)] = True
        self.register_buffer("seen", seen, persistent=False)
        fan_in = torch.tensor([size**2 * len(maps) for maps in table for _ in maps])
        bound = 2.4 / fan_in[:, None, None]
        self.weight = nn.Parameter((2 * torch.rand(len(bound), size, size) - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(len(table)))

    def kernel(self):
        kernel = self.weight.new_zeros(*self.seen.shape, *self.weight.shape[1:])
        return kernel.masked_scatter(self.seen[:, :, None, None].expand_as(kernel), self.weight)

    def forward(self, x):
        return nn.functional.conv2d(x, self.kernel(), self.bias)


class DistanceToCodes(nn.Module):
    """y_i = Σ_j (x_j - w_ij)², the squared distance to each fixed code (eq. 7): (B, 84) -> (B, 10)."""

    def __init__(self, codes):
        super().__init__()
        self.register_buffer("codes", codes, persistent=False)

    def forward(self, x):
        return (x[:, None, :] - self.codes).square().sum(dim=-1)


class LeNet5(nn.Module):
    """The network of section II.B: (B, 1, 32, 32), background -0.1 and ink 1.175 -> distances (B, 10).

    Smaller is better: the prediction is the class with the *smallest* distance. 60,000 trainable parameters, 340,908
    connections. Weights are initialised uniformly in [-2.4/fan-in, 2.4/fan-in] (appendix A), biases at 0. Raises
    ValueError in `forward` for other shapes.
    """

    def __init__(self):
        super().__init__()
        self.c1, self.s2 = nn.Conv2d(1, 6, kernel_size=5), Subsampling(6)
        self.c3, self.s4 = TableConv(C3_TABLE, inputs=6), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, kernel_size=5), nn.Linear(120, 84)
        self.output = DistanceToCodes(digit_codes())
        self.squash = ScaledTanh()
        for layer, inputs in ((self.c1, 25), (self.c5, 16 * 25), (self.f6, 120)):
            nn.init.uniform_(layer.weight, -2.4 / inputs, 2.4 / inputs)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        if x.shape[1:] != (1, 32, 32):
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (B, 1, 32, 32): pad MNIST's 28 pixels by 2")
        x = self.squash(self.s2(self.squash(self.c1(x))))  # (B, 6, 14, 14)
        x = self.squash(self.s4(self.squash(self.c3(x))))  # (B, 16, 5, 5)
        x = self.squash(self.c5(x)).flatten(1)  # (B, 120)
        return self.output(self.squash(self.f6(x)))


def lenet5_loss(distances, labels, competitive=False, j=1.0):
    """The mean distance to the correct code (eq. 8), labels (B,); `competitive` adds log(e^-j + Σ e^-y_i) (eq. 9).

    If the codes were learned, the first term alone would let them become equal; the second pushes wrong ones away.
    """
    right = distances.gather(1, labels[:, None])[:, 0]
    if not competitive:
        return right.mean()
    others = torch.cat([-distances, -torch.full_like(distances[:, :1], j)], dim=1)
    return (right + others.logsumexp(dim=1)).mean()


class LeNet5Modern(nn.Module):
    """Convolutions, tanh, average pooling, linear layers: (B, in_channels, 32, 32) -> logits (B, num_classes).

    61,706 parameters for one channel, 62,006 for three. Raises ValueError in `forward` for other shapes.
    """

    def __init__(self, in_channels=1, num_classes=10, activation=nn.Tanh):
        super().__init__()
        self.in_channels = in_channels
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5),
            activation(),
            nn.AvgPool2d(2),  # (B, 6, 14, 14)
            nn.Conv2d(6, 16, kernel_size=5),
            activation(),
            nn.AvgPool2d(2),  # (B, 16, 5, 5)
            nn.Conv2d(16, 120, kernel_size=5),
            activation(),  # (B, 120, 1, 1)
        )
        self.classifier = nn.Sequential(nn.Linear(120, 84), activation(), nn.Linear(84, num_classes))

    def forward(self, x):
        if x.shape[1:] != (self.in_channels, 32, 32):
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (B, {self.in_channels}, 32, 32)")
        return self.classifier(self.features(x).flatten(1))


def lenet5_modern(in_channels=1, num_classes=10, **options):
    """The form of today: 61,706 parameters. `options` are those of `LeNet5Modern`."""
    return LeNet5Modern(in_channels, num_classes, **options)
