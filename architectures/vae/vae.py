"""Variational autoencoders: Kingma & Welling, "Auto-Encoding Variational Bayes", ICLR 2014.

Paper: https://arxiv.org/abs/1312.6114

    VAE(latent_dim, hidden_dim)      the paper's: one hidden layer of tanh each way, Bernoulli or Gaussian pixels
    ConvVAE(latent_dim)              the same with convolutions, for images of 28x28 pixels
    kl_divergence, reparameterise, gaussian_log_density    the parts, as functions
    importance_estimate              log p(x) from log-weights of samples
    vae2d_mnist()                    a trained VAE with two latent dimensions, kept beside this file

Everything is in nats. This file needs torch and the standard library alone: copy it into your own project as it is.
"""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

LIKELIHOODS = ("bernoulli", "gaussian")


def reparameterise(mean, log_variance):
    """z = μ + σ ε with ε from N(0, I) (section 2.4): a sample through which gradients reach μ and σ. Same shapes."""
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


def kl_divergence(mean, log_variance):
    """KL(N(μ, σ²) || N(0, 1)) of each latent dimension, in nats (appendix B): same shape; their sum is that of all."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def gaussian_log_density(x, mean, log_variance):
    """log N(x; μ, σ²), summed over the last dimension."""
    return -0.5 * ((x - mean).square() / log_variance.exp() + log_variance + math.log(2 * math.pi)).sum(dim=-1)


def importance_estimate(log_weights):
    """log (1/k Σ w) from the log-weights of k samples, (k, B) -> (B,).

    With w = p(x, z) / q(z|x) and z drawn from q(z|x) the mean of w is p(x) without bias. Its logarithm is too low on
    average, the less so the more samples there are; with k = 1 it is a sample of the ELBO.
    """
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


class VAE(nn.Module):
    """The paper's variational autoencoder (appendix C): images as rows of pixels, (B, pixels).

    encoder  pixels -> hidden_dim, tanh -> μ and log σ² of q(z|x), latent_dim each
    decoder  latent_dim -> hidden_dim, tanh -> the parameters of p(x|z)

    likelihood "bernoulli": a logit for each pixel, for pixels in [0, 1]; "gaussian": a mean between 0 and 1 and a
    log-variance for each pixel, for any real values. 815,824 parameters for MNIST's 784 pixels with the defaults.
    Raises ValueError for sizes below 1, an unknown likelihood, images of another shape, and pixels outside [0, 1]
    under a Bernoulli decoder (unless compiled: a check would make a compiled training wait).
    """

    def __init__(self, latent_dim=20, hidden_dim=500, pixels=784, likelihood="bernoulli"):
        super().__init__()
        for name, size in (("latent_dim", latent_dim), ("hidden_dim", hidden_dim), ("pixels", pixels)):
            if size < 1:
                raise ValueError(f"{name} is {size}; expected 1 or more")
        if likelihood not in LIKELIHOODS:
            raise ValueError(f'likelihood is {likelihood!r}; expected "bernoulli" or "gaussian"')
        self.latent_dim, self.pixels, self.likelihood = latent_dim, pixels, likelihood
        self.build(hidden_dim)

    def build(self, hidden_dim):
        """The layers: `encoder` (B, pixels) -> (B, 2 latent_dim), `decoder` (N, latent_dim) -> (N, outputs)."""
        outputs = self.pixels if self.likelihood == "bernoulli" else 2 * self.pixels
        self.encoder = nn.Sequential(
            nn.Linear(self.pixels, hidden_dim), nn.Tanh(), nn.Linear(hidden_dim, 2 * self.latent_dim)
        )
        self.decoder = nn.Sequential(nn.Linear(self.latent_dim, hidden_dim), nn.Tanh(), nn.Linear(hidden_dim, outputs))

    def encode(self, x):
        """The approximate posterior q(z|x): x (B, pixels) -> μ and log σ², (B, latent_dim) each."""
        self.check(x)
        mean, log_variance = self.encoder(x).float().chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, z):
        """The means of the pixels under p(x|z), between 0 and 1: z (..., latent_dim) -> (..., pixels)."""
        return self.outputs(z)[..., : self.pixels].sigmoid()

    def outputs(self, z):
        """The decoder's outputs: (..., latent_dim) -> logits (..., pixels), twice as many numbers under a Gaussian."""
        return self.decoder(z.reshape(-1, self.latent_dim)).float().view(*z.shape[:-1], -1)

    def log_likelihood(self, x, z):
        """log p(x|z) in nats: x (B, pixels), z (..., B, latent_dim) -> (..., B)."""
        outputs = self.outputs(z)
        if self.likelihood == "bernoulli":  # x log p + (1 - x) log(1 - p), where p is the sigmoid of a logit
            return (x * outputs - F.softplus(outputs)).sum(dim=-1)
        mean, log_variance = outputs.chunk(2, dim=-1)
        return gaussian_log_density(x, mean.sigmoid(), log_variance)

    def elbo(self, x):
        """The lower bound on log p(x), from one sample of z for each image (eq. 10): three times (B,), in nats.

        Returns (elbo, reconstruction, kl) with elbo = reconstruction - kl: the expected log p(x|z), estimated by the
        one sample, and KL(q(z|x) || p(z)), exact.
        """
        mean, log_variance = self.encode(x)
        reconstruction = self.log_likelihood(x, reparameterise(mean, log_variance))
        kl = kl_divergence(mean, log_variance).sum(dim=-1)
        return reconstruction - kl, reconstruction, kl

    def forward(self, x):
        return self.elbo(x)

    def log_evidence(self, x, samples=500, at_once=10):
        """An importance-sampled estimate of log p(x) in nats, (B, pixels) -> (B,); `at_once` samples fit in memory.

        A lower bound on average, tighter with more `samples` (Burda et al. 2016). Call it under `torch.no_grad()`
        unless you mean to train on it.
        """
        mean, log_variance = self.encode(x)
        prior = torch.zeros_like(mean)
        log_weights = []
        for start in range(0, samples, at_once):
            k = min(at_once, samples - start)
            z = reparameterise(mean.expand(k, -1, -1), log_variance.expand(k, -1, -1))  # (k, B, latent_dim)
            log_joint = self.log_likelihood(x, z) + gaussian_log_density(z, prior, prior)
            log_weights.append(log_joint - gaussian_log_density(z, mean, log_variance))
        return importance_estimate(torch.cat(log_weights))

    def sample(self, count):
        """`count` new images: z from the prior N(0, I), then the means of the pixels, (count, pixels)."""
        return self.decode(torch.randn(count, self.latent_dim, device=next(self.parameters()).device))

    def check(self, x):
        """Raise ValueError for images that this model cannot take."""
        if x.ndim != 2 or x.shape[1] != self.pixels:
            raise ValueError(
                f"input has shape {tuple(x.shape)}; expected (B, {self.pixels}): flatten the images, x.flatten(1)"
            )
        if self.likelihood == "bernoulli" and len(x) and not torch.compiler.is_compiling():
            low, high = (value.item() for value in x.aminmax())
            if not (low >= 0 and high <= 1):
                raise ValueError(
                    f"pixels run from {low:.4g} to {high:.4g}; a Bernoulli decoder expects values in [0, 1]: "
                    'divide by 255, undo the normalisation, or choose likelihood="gaussian"'
                )


class ConvVAE(VAE):
    """A small convolutional VAE for 28x28 pixels, as rows of 784: a convolution of stride 1, two of stride 2 and one
    hidden layer, and the same backwards.

    `channels` are those of the first convolution; the others have twice as many. The paper has no such net.
    """

    def __init__(self, latent_dim=50, hidden_dim=256, channels=32, likelihood="bernoulli"):
        self.channels = channels
        super().__init__(latent_dim, hidden_dim, pixels=784, likelihood=likelihood)

    def build(self, hidden_dim):
        c, outputs = self.channels, 1 if self.likelihood == "bernoulli" else 2
        self.encoder = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, c, kernel_size=3, padding=1),
            nn.GELU(),
            nn.Conv2d(c, 2 * c, kernel_size=4, stride=2, padding=1),  # (B, 2c, 14, 14)
            nn.GELU(),
            nn.Conv2d(2 * c, 2 * c, kernel_size=4, stride=2, padding=1),  # (B, 2c, 7, 7)
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(2 * c * 49, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, 2 * self.latent_dim),
        )
        self.decoder = nn.Sequential(
            nn.Linear(self.latent_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, 2 * c * 49),
            nn.GELU(),
            nn.Unflatten(1, (2 * c, 7, 7)),
            nn.ConvTranspose2d(2 * c, 2 * c, kernel_size=4, stride=2, padding=1),  # (B, 2c, 14, 14)
            nn.GELU(),
            nn.ConvTranspose2d(2 * c, c, kernel_size=4, stride=2, padding=1),  # (B, c, 28, 28)
            nn.GELU(),
            nn.Conv2d(c, outputs, kernel_size=3, padding=1),
            nn.Flatten(),
        )


def vae2d_mnist():
    """A VAE with two latent dimensions, trained on MNIST by `VAE.ipynb`, in eval mode, and what to know about it.

    Returns (model, about): `about` tells the data, the binarisation, the bound on the test set and where it was made.
    Raises FileNotFoundError where the repository does not hold it.
    """
    path = Path(__file__).with_name("weights") / "vae2d_mnist.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = VAE(latent_dim=2)
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
