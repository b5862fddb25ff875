import sys, json; sys.path.insert(0, "/root/queue")
from ex_c import go
from edit_nb import edit
go("architectures/efficientnet/EfficientNet.ipynb", [
 ("find two more triples of (blocks, width, pixels) with the cost of \"all together\" within 3 %, and train them with three seeds. *Hint: `macs(tiny(blocks, width), pixels)`; 20 and 24 pixels are multiples of the total stride.*",
  "find two more triples of (blocks, width, pixels) with the cost of \"all together\" within 3 %, and train them with three seeds (about an hour at scale `cpu`). Leave `WAYS` as it is, because a check compares the costs in it. *Hint: `macs(tiny(blocks, width), pixels)`, with `blocks` such as `(3, 3, 3)`, and `train(name, tiny(blocks, width), at(pixels), short, short_rate, seed)`; 20 and 24 pixels are multiples of the total stride.*"),
])
go("architectures/gpt/GPT.ipynb", [
 ("Train a network with two layers on random strings written twice, and one with a single layer. Draw a new length for each string, or the network can copy by position alone. Only one of the two can learn it. Why?",
  "Train a network with two layers on random strings written twice, and one with a single layer. Number the letters from 0 to 25, and take `GPT(GPTConfig(26, 64, 64, layers, 4, dropout=0.0))`, AdamW with a learning rate of 2e-3, and 3,000 steps of 24 strings. Draw a new length from 8 to 32 for each step, or the network can copy by position alone. Look at the loss of the second copy, which stays high for more than a thousand steps. Then only one of the two learns to copy long strings, and the other gets part of the way. Why?"),
 ("Train the main network without dropout. Does the validation loss turn upwards, and how long are the copied runs at the end?",
  "Train the main network without dropout: set its dropout in `KNOBS` to 0.0, and run that cell and the one with the main training, which takes as long again. Does the validation loss turn upwards? How long are the copied runs at the end? *Hint: `train` returns the best of the last five epochs. `main.load_state_dict(main_run.kept[-1])` loads the last one; then run the cell with `longest_runs`.*"),
 ("Set `model.positions.weight` to zero and keep it there (`requires_grad_(False)`). How much worse does the network of the second size get?",
  "Build a new network of the second size (`build(middle)`), set its `positions.weight` to zero and keep it there (`nn.init.zeros_(…).requires_grad_(False)`), and train it. How much worse does it get?"),
])
go("architectures/bert/BERT.ipynb", [
 ("Repeat `watch_start` with the sinusoids alone and with fan-in alone. Which of them shortens the plateau?",
  "Repeat `watch_start`, under two new names, with the sinusoids alone and with fan-in alone. Which of them shortens the plateau? *Hint: leave `set_start` as it is. For fan-in alone, draw `model.bert.positions.weight` again with a standard deviation of 0.02 after `build`. For the sinusoids alone, copy this weight, call `initialise(model)`, and put the copy back.*"),
 ("Pre-train `little` in two stages, once with `next_weight` 0 in stage 2 as well, and fine-tune both. RoBERTa found that NSP can be left out. Do you?",
  "Pre-train a network of the size `knobs[\"little\"]` in two stages, `knobs[\"little_stage\"]` and `STAGES[1]`, once as they are and once with `next_weight` 0 in the second as well. Fine-tune both with `tune_all`. (At scale `cpu` this takes about two hours in all.) RoBERTa found that NSP can be left out. Do you?"),
 ("Set `share` in `little_stage` to 0.15, 0.3, 0.5 and 0.8. Which wins after equal steps?",
  "Set `share` in `little_stage` to 0.15, 0.3, 0.5 and 0.8, and each time run the cell that trains the small networks. (A new value takes nearly an hour at scale `cpu`; with one rule and one seed, a quarter of that.) Write down the validation losses, because each run replaces the ones before. Which share wins after equal steps?"),
])
for P, marks in (("architectures/bert/BERT.ipynb", [('"paper": "standard deviation 0.02 everywhere"}[name]', '"paper": "standard deviation 0.02 everywhere"}.get(name, name)')]),):
    P = "/work/main/" + P; nb = json.load(open(P))
    for a, b in marks:
        i = [i for i, c in enumerate(nb["cells"]) if c["cell_type"] == "code" and a in "".join(c["source"])]
        assert len(i) == 1; edit(P, [(i[0], a, b)])
