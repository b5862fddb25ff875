import sys; sys.path.insert(0, "/root/queue")
from ex_c import go
go("architectures/vae/VAE.ipynb", [
 ("Train `VAE(likelihood=\"gaussian\")` on grey levels. Its log-variances are free: what happens to the bound at pixels that are black in every image?",
  "Set `knobs[\"lr\"] = 5e-4` (with the value of the table this training breaks down), and train `VAE(likelihood=\"gaussian\")` on the grey levels of MNIST for two epochs. Its log-variances are free: what happens to them, and to the bound, at pixels that are black in every training image? Then train longer, and compare the bounds of training and validation. *Hint: the last dimension of `model.outputs(z)` holds 784 logits of the means, then 784 log-variances.*"),
 ("Does $\\log p(x)$ improve? What happens to the active dimensions? *Hint: take the sums from `model(images)` under `torch.no_grad()`.*",
  "Train the networks with 20 and with 200 dimensions again, by `train_size(size, \"dynamic\")`. Does $\\log p(x)$ improve? What happens to the active dimensions? *Hint: in `negative_elbo`, take the sums from `model(images)` under `torch.no_grad()`. `test_bound` then returns the new bound, and `elbos` still the ELBO.*"),
 ("How far does the bound get in one epoch?", "How far does the bound get in one epoch, and how far with the reparameterised gradient? (The sanity check on three images fails now; skip it.)"),
])
go("architectures/lenet/LeNet.ipynb", [
 ("then replace `nn.AvgPool2d` by `nn.MaxPool2d` as well.", "then replace its two poolings, `features[2]` and `features[5]`, by `nn.MaxPool2d(2)` as well."),
 ("Do the margins grow?", "Train again, and run the cells from \"Look inside\" on. Do the margins grow?"),
 ("Train with shifts, and add pairs of half digits with a target of zeros for F6. Does the line reader now reject the windows between digits, and read the shifted 0 correctly?",
  "Train the network of 1998 with `shift=8`, and add pairs of half digits with a target of zeros for F6. Does the line reader now reject the windows between digits, and read the shifted 0 correctly? *Hint: add the pairs to `data.train` with the label 10, an eleventh code of zeros to `DistanceToCodes`, and an eleventh name to `data.classes`.*"),
])
go("architectures/alexnet/AlexNet.ipynb", [
 ("Replace `LocalResponseNorm` in `SmallAlexNet` by `nn.Identity()`, and then by `nn.BatchNorm2d`. What does each gain, and what does an epoch cost? On a CPU, train for 20 epochs.",
  "Replace `LocalResponseNorm` in `SmallAlexNet` by `nn.Identity()`, and then by `nn.BatchNorm2d(48)` and `nn.BatchNorm2d(128)`. (Skip the assert on the number of parameters: batch norm adds 352.) What does each gain, and what does an epoch cost? On a CPU, train all three networks, also the one with LRN, for 20 epochs, which takes about half an hour each."),
 ("Which of the two helps more, and do they add up?", "Compare the validation accuracies. (The assert in the results expects the whole training set.) Which of the two helps more, and do they add up? On a CPU the four trainings take about an hour."),
 ("Then classify a photograph of yours; the names", "Then classify a photograph of yours, prepared by `torchvision.models.AlexNet_Weights.IMAGENET1K_V1.transforms()`; the names"),
 ("How many tanh units are saturated before training, and which activation function is faster?", "How many tanh units are saturated before training, and which activation function is faster? *Hint: `source_of` chooses the pixels by the name of the setting.*"),
])
go("architectures/vgg/VGG.ipynb", [
 ("Which has the lower error, over three seeds?",
  "Which has the lower error, over three seeds? At scale `cpu` the six trainings take about two hours. *Hint: for the second network, give `VGG` one convolution in each stage, replace each `nn.Conv2d` in `features` by one with `kernel_size=5, padding=2`, and call `net.apply(init_weights)`.*"),
 ("for as many epochs as the whole network.", "for as many epochs as the whole network (about an hour at scale `cpu`)."),
 ("Does it start sooner than E alone?", "Does it start sooner than E alone with Glorot's initialisation, at the same learning rate?"),
])
