"""Attention7 -> Attention8: two seeds for now, the figures of the heads told."""
import sys, json, shutil; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/root/drafts/attention3/Attention8.ipynb"
shutil.copy("/root/drafts/attention3/Attention7.ipynb", P)
nb = json.load(open(P))
def at(start):
    found = [i for i, c in enumerate(nb["cells"]) if "".join(c["source"]).startswith(start)]
    assert len(found) == 1, (start, found)
    return found[0]
edit(P, [
 (at("SIZE = dict"), "real=dict(epochs=48, max_tokens=2000, lr=2e-3, seeds=[0, 1, 2])),", "real=dict(epochs=48, max_tokens=2000, lr=2e-3, seeds=[0, 1])),"),
 (at("SIZE = dict"), "with seeds=[0] the main run takes a third of the time", "with seeds=[0] the main run takes half of the time"),
 (at("**The multiplications roughly"), "we train each SEEDS times, with different random seeds. We call one better if its worst seed beats the best seed of the other in greedy BLEU on the test set (two equally good networks meet this by chance in one case of CHANCE), and if",
  "we train each twice, with different random seeds. We call one better if both of its seeds beat both seeds of the other in greedy BLEU on the test set (two equally good networks meet this by chance in one case of three), and if"),
 (at("The plot averages over heads."), "The plot averages over heads. Heads of one layer do different things, here in the self-attention of the encoder:",
  "**Layers 2 and 3 align the words:** *red* looks at *roten*, and *dress* at *kleid*. The weights show where a head looks, not why: the encoder has already mixed information from other words into each position.\n\nThe plot averages over heads. Heads of one layer do different things, here in the self-attention of the encoder:"),
 (at("**Layers 2 and 3 align the words:**"), "**Layers 2 and 3 align the words:** *red* looks at *roten*, and *dress* at *kleid*. The weights show where a head looks, not why: the encoder has already mixed information from other words into each position.",
  "**Head 3 looks mostly at the word before, and head 1 at a noun that follows:** from *kleines* at *mädchen*, from *in* and *einem* at *kleid*, from *die* at *treppe*. The other two are harder to read. (One sentence; the plot counts heads from 0.)"),
])
nb = json.load(open(P))
edit(P, [
 (at("SIZE = dict"), "    # max_tokens: in a batch, which holds sentences of similar length;  with seeds=[0] the main run takes half of the time\n", "    # max_tokens: in a batch, which holds sentences of similar length;  seeds=[0] takes half of the time\n"),
 (at("def train(model, checkpoint, task"), "        parts = [fingerprint.describe_model(model), fingerprint.describe_optimizer(optimizer), train_loader.describe(), steps]\n        parts += map(fingerprint.describe, (translation, train_one_epoch, {**options, \"lines\": None}))\n",
  "        parts = [fingerprint.describe_model(model), fingerprint.describe_optimizer(optimizer), train_loader.describe()]\n        parts += [steps, *map(fingerprint.describe, (translation, train_one_epoch, {**options, \"lines\": None}))]\n"),
 (at("both = ours_on_test"), "written = {name: [translate(net, real.test.source, pieces, pieces) for net, _ in pairs] for name, pairs in contest.items()}", "written = {name: [translate(net, real.test.source, pieces, pieces) for net, _ in pairs]\n           for name, pairs in contest.items()}"),
 (at("both = ours_on_test"), "print(f\"greedy, mean of the seeds: Transformer ahead by {ahead:.2f}; 95 % interval over the sentences {low:.2f} to {high:.2f}\")",
  "print(f\"greedy, mean of the seeds: the Transformer is ahead by {ahead:.2f} BLEU;\",\n      f\"bootstrap, 95 %: {low:.2f} to {high:.2f}\")"),
 (at("@torch.no_grad()\ndef right_by_position"), "  # how often each digit occurs elsewhere", "  # their counts"),
])
