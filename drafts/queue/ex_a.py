import sys; sys.path.insert(0, "/root/queue")
from ex_c import go
go("architectures/transformer/Transformer.ipynb", [
 ("Replace `patches` by two 3×3 convolutions with a stride of 2, a padding of 1 and a ReLU between them. How much of the ResNet's lead is gone?",
  "Call `set_seed(SEED)`, build `net = make_vit(knobs[\"small\"])`, and replace `net.patches` by an `nn.Sequential` of two 3×3 convolutions with a stride of 2, a padding of 1 and a ReLU between them. The first gives 64 channels, the second `knobs[\"small\"][\"d_model\"]`. (A change of the class above would have no effect, because `make_vit` uses the one in `vit.py`.) Then run `train(\"third-stem\", net, third, third_epochs)`. How much of the ResNet's lead is gone?"),
 ("Train the small ViT with `pool=\"class\"` and `pool=\"mean\"`, each with two learning rates and three seeds.",
  "Train the small ViT on `third` for `third_epochs`, with `pool=\"class\"` and with `pool=\"mean\"` (an argument of `make_vit`), each with two learning rates (`rate` of `train`) and three seeds. For each seed set `SEED` itself before `set_seed(SEED)`, because the loader reads it, too. The twelve trainings take more than two hours at scale `cpu`."),
])
go("architectures/resnet/ResNet.ipynb", [
 ("*Hint: in `train`, call `requires_grad_(False)` on the other parts, and pass AdamW the parameters that still require a gradient. What do you have to do about batch norm?*",
  "*Hint: in `train`, if `way` is \"fine-tuned\", call `requires_grad_(False)` on the other parts, and pass AdamW the parameters that still require a gradient.* What do you have to do about batch norm? *Hint: `fit` puts the whole network into training mode at the start of each epoch, so give it an `objective` that first calls `eval()` on the frozen parts, and then returns `classification(model, images, labels)` from `utils.training`.*"),
 ("make a `Split` of them, and fine-tune.", "make a `Split` of them (with whole numbers as labels), and fine-tune with the loop of \"How fine-tuning works\". Keep five images of each for a test."),
])
go("resnet/ResNet.ipynb", [
 ("What can a block no longer do to its input? *Hint: what sign can the added part have?*",
  "What can a block no longer do to its input? *Hint: what sign can the added part have?* (If the check under \"Does it learn at all?\" fails, the 41 steps there are too few for this network: take 81.) Change the class back afterwards."),
 ("Run `train(start, \"ResNet/zero-start\")` and interrupt it", "Run `_, run = train(start, \"ResNet/zero-start\")` and interrupt it"),
 ("and then `train(lambda: cifar_resnet(20), \"ResNet/no-augmentation\")`.", "and then `_, run = train(lambda: cifar_resnet(20), \"ResNet/no-augmentation\")`, which takes as long as the main run."),
])
go("attention/Attention.ipynb", [
 ("Change `lr` under `real` to half and to twice its value, and train both networks with `epochs=12`.",
  "Set `epochs=12` under `real`, and train both networks with `lr` as it is, with half and with twice its value. At scale `cpu` this takes about two hours for each seed. Change the table back afterwards."),
 ("(`load_multi30k(\"en\", \"de\")`, and a training as long as the main one.)",
  "(Use `load_multi30k(\"en\", \"de\")`, and a training as long as the main one. Run the cells from there to the table of results, and no further: the later ones expect German sentences. The tutorial's number in the table belongs to the other direction.)"),
 ("set them to zero under `torch.no_grad()`, and back.*", "keep a `.clone()` of them, set them to zero under `torch.no_grad()`, and put the copy back before the next head.*"),
])
