import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/work/main/architectures/vgg/VGG.ipynb"
edit(P, [
(4, "- Depth helps from 11 to 16 layers. Between 16 and 19 it makes little difference.",
    "- Depth helps from 11 to 19 layers (A to E), where the paper says that the error saturates. In the table, 16 and 19 layers (D and E) are never more than 0.3 points apart."),
(4, "(7.3 % top-5 error, by seven networks together), behind [GoogLeNet](../inception/), and won the localisation task.",
    "(7.3 % top-5 error, by seven networks together), behind [GoogLeNet](../inception/), and won the localisation task. After the competition, two networks together reached 6.8 %, and one alone 7.0 % (GoogLeNet alone: 7.9 %). The authors also showed that the features of these networks work well on other data sets, and other people have used them so for years."),
(6, "To check, we send an image with a single bright pixel through 3×3 kernels filled with ones, and look at how far the pixel spreads:",
    "To check, we turn the question round: which units does one pixel reach? A unit depends on exactly those pixels that reach it, so a pixel spreads as far as a receptive field is wide. We send an image with a single bright pixel through 3×3 kernels filled with ones:"),
(12, "but need fewer multiply-adds (9.2 billion instead of 11.2).",
    "but need fewer multiply-adds (9.2 billion instead of 11.2). That is no contradiction: most of the multiply-adds are saved in stage 1, where the pair's second convolution has 64 input channels at full resolution, and the additional weights are in stage 5, where the feature maps are small."),
(24, "The first linear layer alone has three quarters of the parameters. [GoogLeNet](../inception/) and [ResNet](../resnet/) instead average the last feature maps (*global average pooling*) before a single linear layer, as our `head=\"small\"` for images of 32 pixels does.",
    "The first linear layer alone has three quarters of the parameters, because it connects each of the $512 \\cdot 7 \\cdot 7$ values after the last pooling with 4,096 units. [GoogLeNet](../inception/) and [ResNet](../resnet/) instead average the last feature maps (*global average pooling*) before a single linear layer. So does our `head=\"small\"`, but with images of 32 pixels only one position is left after five poolings, and there is nothing to average."),
(26, "because its first linear layer expects 7×7 positions.",
    "because its first linear layer expects 7×7 positions. (Our class, like torchvision's, averages larger feature maps down to 7×7, so it accepts larger images; at 224 pixels this changes nothing.)"),
(29, "We send images through the 16 convolutions of E at full width.", "We send CIFAR-10's images through the 16 convolutions of E at full width."),
(29, "(The paper gives $\\sigma = 0.1$; He and colleagues calculate with 0.01 for VGG.)",
    "(The paper gives $\\sigma = 0.1$, with which E's signals explode; He and colleagues calculate with 0.01 for VGG, with which they vanish.)"),
(30, "def signals(net, images):",
'''def predicted(net):
    \'\'\'By the formula: the outputs of the last convolution, relative to those of the first.\'\'\'
    later = [layer.weight for layer in net.features if isinstance(layer, nn.Conv2d)][1:]  # (channels, inputs, 3, 3)
    return math.prod((weight.std() * (weight[0].numel() / 2) ** 0.5).item() for weight in later)

def signals(net, images):'''),
(32, "Now we measure all 16 convolutions of E, in seven variants. One has *circular* padding, which fills the border with values from the opposite border instead of zeros:",
'''Now we measure all 16 convolutions of E with five initialisations, and with two changes. Zeros at the border weaken a signal, so we repeat He with *circular* padding, which takes values from the opposite border instead. And we repeat $\\sigma = 0.01$ with **batch norm**, which subtracts each channel's mean and divides by its standard deviation, both taken over the batch and all positions, and then applies a learned scale $\\gamma$ and shift $\\beta$. So the size of its input cancels, whatever the gain of the convolution before it. (During training it also keeps *running averages* of both statistics, and in evaluation mode it uses these.)'''),
(34, "measured = {label: signals(initialised(\"E\", *start, divisor=divisor), some_images) for label, start in starts.items()}\n",
'''measured, by_formula = {}, {}
for label, start in starts.items():
    net = initialised("E", *start, divisor=divisor)
    measured[label] = signals(net, some_images)
    by_formula[label] = "" if "batch norm" in label else f"{predicted(net):.1e}"
'''),
(34, "print(\"last / first layer for outputs and differences, first / last for gradients\")\n",
     "print(\"last / first layer for outputs (in brackets: by the formula) and differences, first / last for gradients\")\n"),
(34, '''    print(f"{label:21} outputs {outputs[-1] / outputs[0]:8.1e}   differences between images",
          f"{differences[-1] / differences[0]:8.1e}   gradients {gradients[0] / gradients[-1]:8.1e}")''',
     '''    print(f"{label:21} outputs {outputs[-1] / outputs[0]:.1e} ({by_formula[label] or 'none':^7})  ",
          f"differences {differences[-1] / differences[0]:.1e}   gradients {gradients[0] / gradients[-1]:.1e}")'''),
(35, '''(Gradients also shrink in max pooling, which sends each to one of four positions: this halves the root mean square, four times in all.) (On the 2×2 maps of stage 5, five of the nine inputs of each unit are zeros.) Batch norm''',
     '''Zeros matter that much because the images have only 32 pixels: on the 2×2 maps of stage 5, five of the nine inputs of each unit are zeros. (Max pooling, too, weakens the gradient, because it passes each value to only one of four positions.) Batch norm'''),
(35, '''**Batch norm** subtracts each channel's mean and divides by its standard deviation, both taken over the batch and all positions, and then applies a learned scale $\\gamma$ and shift $\\beta$. So the size of its input cancels, whatever the gain of the convolution before it. During training it also keeps *running averages* of both statistics, and in evaluation mode it uses these.

''', ""),
(36, "(300, [0.2, 0.05, 0.01], [0, 1, 2])", "(300, [0.5, 0.2, 0.05, 0.01], [0, 1, 2])"),
(37, '''@styled
def plot_starts''', '''COLOUR_OF |= {"σ = 0.02": COLOUR_OF["σ = 0.01"], "σ = 0.2": COLOUR_OF["σ = 0.1"]}  # equal gains: a quarter of the width

@styled
def plot_starts'''),
(37, '''for label, case in {"A, Glorot": ["A", "Glorot"], "E, Glorot": ["E", "Glorot"],
                    "E, PyTorch's default": ["E", "PyTorch's default"], "E, He": ["E", "He"],
                    "E, σ = 0.01, batch norm": ["E", 0.01, True]}.items():''',
'''for label, case in {"A, σ = 0.2": ["A", 0.2], "E, σ = 0.2": ["E", 0.2], "E, σ = 0.02": ["E", 0.02],
                    "A, Glorot": ["A", "Glorot"], "E, Glorot": ["E", "Glorot"],
                    "E, PyTorch's default": ["E", "PyTorch's default"], "E, He": ["E", "He"],
                    "E, σ = 0.01, batch norm": ["E", 0.01, True]}.items():'''),
(37, '''    print(f"{label:23} seed {seeds[0]}, final loss:", *(f"{final(first[rate]):.3f} at {rate:g} " for rate in rates))''',
     '''    print(f"{label:23} seed {seeds[0]}, final loss:", *(f"{final(first[rate]):.3g} at {rate:g} " for rate in rates))'''),
(39, "Because we have few epochs, we add two newer methods. In", "We add two newer methods. In"),
(39, "The drawing shows the network with its sizes: the last feature maps have only 2×2 positions.",
     "The drawing shows the network with its sizes: the feature maps of stage 5 have only 2×2 positions, and the last pooling leaves one."),
(40, '''"features.42": "stage 5\\n3 conv", "avgpool": "average",
          "classifier": "linear"}''', '''"features.42": "stage 5\\n3 conv", "features.43": "max\\npooling",
          "classifier": "linear"}'''),
(42, '''falls = [(before - now, epoch) for epoch, (before, now) in enumerate(zip(in_percent, in_percent[1:]), start=2)]
for name, some in (("in all epochs", falls), (f"in the last {recent} epochs", falls[-recent:])):
    fall, epoch = max(some, default=(0, 1))
    print(f"largest fall of validation accuracy {name}: {fall:.2f} points,",
          f"in epoch {epoch} (rate {run.history['learning_rate'][epoch - 1]:.3f})")
''', '''falls = [before - now for before, now in zip(in_percent, in_percent[1:])]
print(f"largest fall of the validation accuracy from one epoch to the next: {max(falls, default=0):.2f} points,",
      f"in the last {recent} epochs: {max(falls[-recent:], default=0):.2f}")
'''),
(44, '''print(f"gain {100 * (shares[1] - shares[0]):.2f} points, standard error {100 * changed**0.5 / len(right[True]):.2f};",
      "of each accuracy", " and ".join(f"{100 * (p * (1 - p) / len(right[True])) ** 0.5:.2f}" for p in shares))''',
'''print(f"gain {100 * (shares[1] - shares[0]):.2f} points, standard error {100 * changed**0.5 / len(right[True]):.2f}")'''),
(51, '''with torch.no_grad():
    same, expected = cut(model, with_channels(every))(val_images[:100]), model(val_images[:100])  # nothing is cut
    assert (same - expected).abs().max() < 0.01 * expected.std()
''', '''small_layers = with_channels(every[:3] + [settings["last"]] * 2)
silenced = copy.deepcopy(model)  # a channel with γ = β = 0 is always 0 after the ReLU, so cutting it changes nothing
with torch.no_grad():
    for norm in [layer for layer in silenced.features[-20:] if isinstance(layer, nn.BatchNorm2d)]:
        removed = torch.randperm(len(norm.weight))[settings["last"] :]
        norm.weight[removed] = norm.bias[removed] = 0.0
    found, expected = cut(silenced, small_layers)(val_images[:100]), silenced(val_images[:100])
    assert (found - expected).abs().max() < 0.01 * expected.std() < (model(val_images[:100]) - expected).abs().max()
'''),
(56, '''small_layers = with_channels(every[:3] + [settings["last"]] * 2)
''', ""),
(50, "A removed channel takes with it a row of kernels in its own convolution, its batch norm, and a column of kernels in the next.",
     "A removed channel takes with it a row of kernels in its own convolution, its batch norm, and a column of kernels in the next. To check `cut`, we silence random channels by $\\gamma = \\beta = 0$: whether they are there or cut must make no difference."),
(55, "If the small network comes close to the whole one, it doesn't need the removed channels.",
     "If the small network comes close to the whole one, the removed channels were not needed."),
(58, "How much does each pixel matter to a unit in the middle of a stage? We sum the channels of the stage's last output (after batch norm and ReLU) at the middle position,",
     "How much does each pixel matter to a unit in the middle of a stage? We sum the channels of the stage's last output (after batch norm and ReLU) at the position just below and to the right of the middle,"),
(59, '''    row, column = ((gradient.sum(dim=dim) * torch.arange(32)).sum() / gradient.sum() for dim in (1, 0))
    print(f"stage {i}: {number:4} of {gradient.numel():,} pixels hold 90 % of the gradient,",
          f"centre of mass at row {row:.1f}, column {column:.1f}")
''', '''    equal = math.ceil(0.9 * min(side, 32) ** 2)
    print(f"stage {i}: full receptive field {side:3} × {side:3}; of {gradient.numel():,} pixels,",
          f"{number:3} hold 90 % of the gradient (if equal: {equal})")
'''),
(60, '''**In the first three stages, the effective receptive field is smaller than the arithmetic says.** In stage 2, 107 of the 196 pixels hold 90 % of the gradient (with equal gradients it would take 177). In stage 3, whose full receptive field covers the image, they form a blob in the middle.''',
     '''**In stages 2 and 3, the gradient is concentrated in the middle.** In stage 2, 107 pixels hold 90 % of it, in stage 3, 597; if all pixels of the full receptive field mattered equally, it would take 177 and 922.'''),
(60, '''In stages 4 and 5, about 800 pixels hold 90 %: nearly the whole image matters.''',
     '''In stages 4 and 5, about 800 pixels hold 90 %: nearly the whole image matters. Their full receptive fields are larger than the image, so we cannot see here whether they, too, are concentrated.'''),
(66, '''| Network that is trained |''', '''| Test | on larger images, at every position; mirror images and several sizes averaged | one image of 32 pixels; in the second row of the results averaged with its mirror image |
| Network that is trained |'''),
])
