"""Our nets against torchvision's of the same architecture: forward passes and training steps, as ratios of speed.

Rounds of the two are interleaved, and which of them begins changes; medians are compared.
"""

import statistics
import time

import torch
import torchvision
from torch import distributions
from torch.nn import functional as F

from architectures.alexnet.alexnet import alexnet_one_tower
from architectures.inception.inception import googlenet_loss, googlenet_torchvision
from architectures.mobilenet.mobilenet import MobileNetV2
from architectures.resnet.resnet import resnet18, resnet50
from architectures.vae.vae import VAE
from architectures.vgg.vgg import vgg11
from utils.device import set_seed, synchronise

PIXELS = 224
PAIRS = {  # name: (ours, torchvision's, batch)
    "AlexNet": (alexnet_one_tower, torchvision.models.alexnet, 32),
    "VGG-11": (vgg11, torchvision.models.vgg11, 4),
    "GoogLeNet": (googlenet_torchvision, lambda: torchvision.models.googlenet(init_weights=False), 16),
    "ResNet-18": (resnet18, torchvision.models.resnet18, 16),
    "ResNet-50": (resnet50, torchvision.models.resnet50, 8),
    "MobileNetV2": (MobileNetV2, torchvision.models.mobilenet_v2, 16),
}


def main(device, rounds):
    """Print a row for each architecture, in float32."""
    print(f"\nArchitectures: float32, {PIXELS} pixels, medians of {rounds} rounds; ours / torchvision's (wanted: 0.98)")
    for name, (ours, theirs, batch) in PAIRS.items():
        set_seed(0)
        nets = [build().to(device) for build in (ours, theirs)]
        nets[0].load_state_dict(nets[1].state_dict())
        images, labels = torch.randn(batch, 3, PIXELS, PIXELS, device=device), torch.arange(batch, device=device)
        forward = compare(nets, lambda net, x=images: predict(net, x), rounds, device)
        step = compare(nets, lambda net, x=images, y=labels: train_step(net, x, y), rounds, device)
        print(f"{name:11} batch {batch:2}   forward {forward:.2f}   training step {step:.2f}")
    compare_vae(device, rounds)


def compare_vae(device, rounds, batch=100, steps=20):
    """Training steps of the VAE against the same layers written plainly with torch.distributions."""
    set_seed(0)
    images = (torch.rand(batch, 784, device=device) < 0.15).float()
    objectives = (lambda net: -net(images)[0].mean(), lambda net: -plain_elbo(net, images).mean())
    sides = [(VAE().to(device), objective) for objective in objectives]

    def work(side):
        net, objective = side
        for _ in range(steps):
            net.zero_grad()
            objective(net).backward()

    print(f"VAE        batch {batch}   training step {compare(sides, work, rounds, device):.2f}   (wanted: 1.00)")


def plain_elbo(net, images):
    """The bound as one writes it with torch.distributions, through the layers of `net`."""
    mean, log_variance = net.encoder(images).chunk(2, dim=1)
    posterior = distributions.Normal(mean, torch.exp(0.5 * log_variance))
    prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    likelihood = distributions.Bernoulli(logits=net.decoder(posterior.rsample()))
    kl = distributions.kl_divergence(posterior, prior).sum(dim=1)
    return likelihood.log_prob(images).sum(dim=1) - kl


def compare(nets, work, rounds, device):
    """The speed of the first net as a multiple of the second's."""
    seconds = [[], []]
    for turn in range(rounds + 1):  # the first round warms up
        for which in (0, 1) if turn % 2 else (1, 0):
            synchronise(device)
            started = time.perf_counter()
            work(nets[which])
            synchronise(device)
            seconds[which].append(time.perf_counter() - started)
    first, second = (statistics.median(values[1:]) for values in seconds)
    return second / first


@torch.no_grad()
def predict(net, images):
    net.eval()(images)


def train_step(net, images, labels):
    """Forward, loss and backward; what an optimiser does afterwards is the same for both."""
    outputs = net.train()(images)
    loss = googlenet_loss(tuple(outputs), labels) if isinstance(outputs, tuple) else F.cross_entropy(outputs, labels)
    for parameter in net.parameters():
        parameter.grad = None
    loss.backward()
