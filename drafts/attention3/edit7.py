"""Attention4 -> Attention5: two pictures (clock hands, a beam), and fewer words."""
import sys, json, shutil; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/root/drafts/attention3/Attention5.ipynb"
shutil.copy("/root/drafts/attention3/Attention4.ipynb", P)
edit(P, [
 (34, "\n\nThink of clock hands that turn at different speeds. The fast ones tell neighbours apart, and the slow ones tell the beginning of a long text from its end.", ""),
 (38, "On the left, each column is one position. On the right, the three curves lie on top of each other: the dot product of two position vectors depends on their distance alone.",
      "On the left, each column is one position. On the right, the three curves lie on top of each other: the dot product of two position vectors depends on their distance alone."),
 (40, "Many later models go one step further and rotate the queries and keys themselves (*RoPE*, Su et al. 2021), instead of adding positions to the embeddings.\n\n", ""),
 (132, "rotate queries and keys instead of adding positions (*RoPE*)", "rotate queries and keys instead of adding positions (*RoPE*, Su et al. 2021)"),
 (76, "**Beam search** keeps several partial translations (*hypotheses*), four in the paper and here. Each step extends each of them by every word, and keeps the four most likely results. Each further token multiplies the probability of a sentence by a number below 1, so long sentences would always look worse. Therefore the search divides its logarithm, which is negative, by the *length penalty* of Wu et al. (2016), $((5 + n) / 6)^{0.6}$ for $n$ tokens, with the paper's exponent. For example, a log-probability of −4 for 4 tokens becomes −3.1, and −5 for 9 tokens becomes −3.0: the longer sentence wins.",
      "Greedy decoding takes *the*, the likelier first word, and ends with 0.33. The beam of two (blue) also keeps *a*, and finds 0.36.\n\nEach further token multiplies the probability of a sentence by a number below 1, so long sentences would always look worse. Therefore the search divides its logarithm, which is negative, by the *length penalty* of Wu et al. (2016), $((5 + n) / 6)^{0.6}$ for $n$ tokens, with the paper's exponent. For example, a log-probability of −4 for 4 tokens becomes −3.1, and −5 for 9 tokens becomes −3.0: the longer sentence wins."),
])
nb = json.load(open(P)); cells = nb["cells"]
find = lambda start: [i for i, c in enumerate(cells) if "".join(c["source"]).startswith(start)][0]
def md(s, id): return {"cell_type": "markdown", "id": id, "metadata": {}, "source": s.splitlines(keepends=True)}
def code(s, id): return {"cell_type": "code", "id": id, "execution_count": None, "metadata": {}, "outputs": [], "source": s.splitlines(keepends=True)}
i = find("Greedy decoding takes *the*")
cells[i:i] = [md("**Beam search** keeps several partial translations (*hypotheses*), four in the paper and here. Each step extends each of them by every word, and keeps the most likely results. A small example, for a beam of two:", "beam-idea"),
 code('''following = {"<bos>": {"the": 0.6, "a": 0.4}, "the": {"man": 0.55, "boy": 0.45}, "a": {"man": 0.9, "boy": 0.1}}
boxes, arrows = {"<bos>": ("<bos>", 3, 0, "data")}, []
for column, (first, p) in enumerate(following["<bos>"].items()):
    boxes[first] = (f"{first}\\n{p}", 4 * column + 1, 1.5)
    arrows.append(("<bos>", first))
    for side, (second, q) in enumerate(following[first].items()):
        kept = p * q > 0.3  # the two likeliest
        label = f"{first} {second}\\n{p} × {q} = {p * q:.2f}"
        boxes[label] = (label, 4 * column + 2 * side, 3) if kept else (label, 4 * column + 2 * side, 3, "data")
        arrows.append((first, label))
draw_flow(boxes, arrows, "A beam of two, with invented probabilities")''', "beam-picture")]
i = find("# %load -s LearnedPositions")
cells[i:i] = [md("Think of clock hands that turn at different speeds. Three of the 32 pairs (sine, cosine) of a vector with 64 components:", "hands-idea"),
 code("""@styled
def plot_hands(positions, pairs, d_model=64):
    '''Pairs (sine, cosine) of the position vectors, as hands that start at twelve o'clock.'''
    figure, axes = plt.subplots(1, len(positions), figsize=(11, 2.6))
    for axis, position in zip(axes, positions):
        axis.add_patch(plt.Circle((0, 0), 1, fill=False, edgecolor="lightgrey"))
        for colour, i in zip(COLOURS, pairs):
            x, y = sinusoids(100, d_model)[position, 2 * i : 2 * i + 2].tolist()
            axis.plot([0, x], [0, y], color=colour, lw=3, label=f"components {2 * i} and {2 * i + 1}")
        axis.set(title=f"position {position}", aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
        axis.axis("off")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(pairs))

plot_hands([0, 1, 2, 3, 30, 60], pairs=[0, 8, 16])""", "hands-picture"),
 md("The fast hand tells neighbours apart, and the slow one tells the beginning of a text from its end. Two alternatives, for comparison: learned vectors, and no positions at all.", "hands-read")]
json.dump(nb, open(P, "w"), indent=1, ensure_ascii=False); open(P, "a").write("\n")
