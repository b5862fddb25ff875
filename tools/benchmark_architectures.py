"""Our nets against the same ones of torchvision or `transformers`, or plainly written: speeds, as ratios.

Rounds of the two are interleaved, and which of them begins changes; medians are compared.
"""

import statistics
import time

import torch
import torchvision
from torch import distributions, nn
from torch.nn import functional as F

from architectures.alexnet.alexnet import alexnet_one_tower
from architectures.bert.bert import corrupt, from_huggingface, pretraining_losses
from architectures.efficientnet.efficientnet import efficientnet
from architectures.gpt.gpt import GPT, GPTConfig, to_huggingface
from architectures.inception.inception import googlenet_loss, googlenet_torchvision
from architectures.mobilenet.mobilenet import MobileNetV2
from architectures.resnet.resnet import resnet18, resnet50
from architectures.transformer.vit import VisionTransformer, from_torchvision
from architectures.unet.unet import UNet
from architectures.vae.vae import VAE
from architectures.vgg.vgg import vgg11
from architectures.yolo.yolo import detect, predicted_boxes, split_outputs
from utils.device import set_seed, synchronise

PIXELS = 224
PAIRS = {  # name: (ours, torchvision's, batch)
    "AlexNet": (alexnet_one_tower, torchvision.models.alexnet, 32),
    "VGG-11": (vgg11, torchvision.models.vgg11, 4),
    "GoogLeNet": (googlenet_torchvision, lambda: torchvision.models.googlenet(init_weights=False), 16),
    "ResNet-18": (resnet18, torchvision.models.resnet18, 16),
    "ResNet-50": (resnet50, torchvision.models.resnet50, 8),
    "MobileNetV2": (MobileNetV2, torchvision.models.mobilenet_v2, 16),
    "EfficientNet-B0": (lambda: efficientnet("b0"), torchvision.models.efficientnet_b0, 16),
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
    compare_unet(device, rounds)
    compare_detection(device, rounds)
    compare_vit(device, rounds)
    compare_gpt(device, rounds)
    compare_bert(device, rounds)


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


def compare_unet(device, rounds, batch=2, pixels=256):
    """Training steps of a padded U-Net of width 16 against an equal net, its layers written one after the other."""
    set_seed(0)
    nets = [build().to(device) for build in (lambda: UNet(1, 2, 16, padding=True, dropout=0.0), PlainUNet)]
    for ours, theirs in zip(nets[0].parameters(), nets[1].in_order()):
        theirs.data.copy_(ours.data)
    images = torch.randn(batch, 1, pixels, pixels, device=device)
    masks = torch.randint(2, (batch, pixels, pixels), device=device)
    step = compare(nets, lambda net: train_step(net, images, masks), rounds, device)
    print(f"U-Net      batch {batch:2}   training step {step:.2f}   (width 16, {pixels} pixels; wanted: 1.00)")


class PlainUNet(nn.Module):
    """A U-Net of width 16 with padding, each layer by its own name."""

    def __init__(self):
        super().__init__()
        stages = {"d1": (1, 16), "d2": (16, 32), "d3": (32, 64), "d4": (64, 128), "b": (128, 256)}
        stages |= {"m4": (256, 128), "m3": (128, 64), "m2": (64, 32), "m1": (32, 16)}
        for name, (c_in, c_out) in stages.items():
            setattr(self, f"{name}a", nn.Conv2d(c_in, c_out, 3, padding=1))
            setattr(self, f"{name}b", nn.Conv2d(c_out, c_out, 3, padding=1))
        for number, channels in ((4, 256), (3, 128), (2, 64), (1, 32)):
            setattr(self, f"u{number}", nn.ConvTranspose2d(channels, channels // 2, 2, stride=2))
        self.head = nn.Conv2d(16, 2, 1)

    def in_order(self):
        """The parameters in the order in which UNet has them: stages down, up-convolutions, stages up, the head."""
        names = [f"{stage}{part}" for stage in ("d1", "d2", "d3", "d4", "b") for part in "ab"]
        names += ["u4", "u3", "u2", "u1", *(f"{stage}{part}" for stage in ("m4", "m3", "m2", "m1") for part in "ab")]
        return [parameter for name in [*names, "head"] for parameter in getattr(self, name).parameters()]

    def forward(self, x):
        x1 = F.relu(self.d1b(F.relu(self.d1a(x))))
        x2 = F.relu(self.d2b(F.relu(self.d2a(F.max_pool2d(x1, 2)))))
        x3 = F.relu(self.d3b(F.relu(self.d3a(F.max_pool2d(x2, 2)))))
        x4 = F.relu(self.d4b(F.relu(self.d4a(F.max_pool2d(x3, 2)))))
        x = F.relu(self.bb(F.relu(self.ba(F.max_pool2d(x4, 2)))))
        x = F.relu(self.m4b(F.relu(self.m4a(torch.cat([x4, self.u4(x)], 1)))))
        x = F.relu(self.m3b(F.relu(self.m3a(torch.cat([x3, self.u3(x)], 1)))))
        x = F.relu(self.m2b(F.relu(self.m2a(torch.cat([x2, self.u2(x)], 1)))))
        x = F.relu(self.m1b(F.relu(self.m1a(torch.cat([x1, self.u1(x)], 1)))))
        return self.head(x)


def compare_detection(device, rounds, images=1000, S=7, B=2, C=20):
    """From YOLO's outputs of 1,000 images to boxes: `detect` against its steps with torchvision's batched NMS."""
    set_seed(0)
    outputs = torch.rand(images, S, S, 5 * B + C, device=device)
    outputs[..., 4 : 5 * B : 5] **= 4  # most cells are empty
    outputs[..., 5 * B :] = outputs[..., 5 * B :] ** 20  # and few classes are likely
    ours, theirs = (side(outputs) for side in (detect, detect_by_torchvision))
    assert [len(scores) for _, scores, _ in ours] == [len(scores) for _, scores, _ in theirs]
    found = sum(len(scores) for _, scores, _ in ours) / images
    speed = compare((detect, detect_by_torchvision), lambda side: side(outputs), rounds, device)
    print(f"YOLO       {images} images   decoding and NMS {speed:.2f}   ({found:.0f} boxes an image; wanted: 1.00)")


def detect_by_torchvision(outputs, B=2, threshold=0.2, overlap=0.5):
    """What `detect` of yolo.py answers, image by image through torchvision.ops.batched_nms."""
    coordinates, confidence, classes = split_outputs(outputs, B)
    corners = predicted_boxes(coordinates).clamp(0, 1).flatten(1, 3)
    scores = (confidence.clamp(min=0)[..., None] * classes.clamp(min=0)[..., None, :]).flatten(1)
    found = []
    for boxes, own in zip(corners, scores):
        place = (own > threshold).nonzero().flatten()
        labels, boxes, own = place % classes.shape[-1], boxes[place // classes.shape[-1]], own[place]
        keep = torchvision.ops.batched_nms(boxes, own, labels, overlap)
        found.append((boxes[keep], own[keep], labels[keep]))
    return found


def compare_gpt(device, rounds, batch=8, length=256, generated=512):
    """Training steps of a small GPT against `transformers`' GPT-2; generation with the cache against without."""
    import transformers  # takes seconds, and is needed here and for BERT alone

    set_seed(0)
    sizes = dict(vocab_size=65, n_positions=1024, n_embd=128, n_layer=4, n_head=4)
    dropout = dict(resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **dropout)).to(device)
    ours = GPT(GPTConfig(65, 1024, 128, 4, 4, dropout=0.1)).to(device)
    theirs.load_state_dict(to_huggingface(ours))
    tokens = torch.randint(65, (batch, length + 1), device=device)

    def step(side):
        net, logits = side
        loss = F.cross_entropy(logits(net.train()(tokens[:, :-1])).flatten(0, 1), tokens[:, 1:].flatten())
        net.zero_grad()
        loss.backward()

    speed = compare([(ours, lambda out: out), (theirs, lambda out: out.logits)], step, rounds, device)
    print(f"GPT        batch {batch:2}   training step {speed:.2f}   (against transformers; wanted: 1.00)")
    cached = compare(
        [True, False], lambda use: list(ours.generate([0], generated, seed=0, use_cache=use)), min(rounds, 3), device
    )
    print(f"GPT        {generated} tokens generated with the cache / without: {cached:.1f}   (wanted: 5)")


def compare_vit(device, rounds, batch=64):
    """Training steps and forward passes of a small Vision Transformer against torchvision's with the same weights."""
    set_seed(0)
    sizes = dict(image_size=32, patch_size=4, num_layers=6, num_heads=3, num_classes=10)
    ours = VisionTransformer(**sizes, d_model=192, d_ff=384).to(device)
    theirs = torchvision.models.VisionTransformer(**sizes, hidden_dim=192, mlp_dim=384).to(device)
    ours.load_state_dict(from_torchvision(theirs.state_dict()))
    images, labels = torch.randn(batch, 3, 32, 32, device=device), torch.arange(batch, device=device) % 10
    forward = compare([ours, theirs], lambda net: predict(net, images), rounds, device)
    step = compare([ours, theirs], lambda net: train_step(net, images, labels), rounds, device)
    print(f"ViT        batch {batch:2}   forward {forward:.2f}   training step {step:.2f}   (32 pixels; wanted: 1.00)")


def compare_bert(device, rounds, batch=16, length=128):
    """Training steps of a small BERT on both tasks against those of `transformers`, with the same weights."""
    import transformers  # takes seconds, and is needed here and for GPT alone

    set_seed(0)
    sizes = dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024)
    config = transformers.BertConfig(vocab_size=8000, max_position_embeddings=length, **sizes)
    theirs = transformers.BertForPreTraining(config).to(device)
    ours = from_huggingface(theirs.state_dict()).to(device)
    tokens = torch.randint(5, 8000, (batch, length))
    hidden, positions, labels = corrupt(tokens, tokens > 4, 4, torch.arange(5, 8000))
    everywhere = torch.full_like(tokens, -100).scatter(1, positions, labels)
    batch_parts = (hidden, torch.zeros_like(tokens), tokens > 4, positions, labels, everywhere, torch.arange(batch) % 2)
    hidden, segments, mask, positions, labels, everywhere, follows = (part.to(device) for part in batch_parts)

    def step(net):
        net.train().zero_grad()
        if net is ours:
            loss = sum(pretraining_losses(*net(hidden, segments, mask, positions), labels, follows))
        else:
            targets = dict(labels=everywhere, next_sentence_label=follows)
            loss = net(hidden, token_type_ids=segments, attention_mask=mask.long(), **targets).loss
        loss.backward()

    speed = compare([ours, theirs], step, rounds, device)
    print(f"BERT       batch {batch:2}   training step {speed:.2f}   (against transformers; wanted: 1.00)")


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
