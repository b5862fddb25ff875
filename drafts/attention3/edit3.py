import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
edit("/root/drafts/attention3/Attention.ipynb", [
(99, '''for name, pairs in contest.items():
    for _, made in pairs:
''','''print("on the validation set")
for name, pairs in contest.items():
    for _, made in pairs:
'''),
(99, '''        print(f"{name:11} seed {made.identity['seed']}: validation BLEU {quarter:.1f} after a quarter, {half:.1f} half,",
              f"{max(scores):.1f} best; loss {min(losses):.3f} lowest, {losses[-1]:.3f} last")
''','''        print(f"{name:11} seed {made.identity['seed']}: BLEU {quarter:.1f} at a quarter, {half:.1f} at half,",
              f"{max(scores):.1f} best; loss {min(losses):.3f} lowest, {losses[-1]:.3f} last")
'''),
(99, 'print("BLEU on the test set, each seed")', 'print("\\nBLEU on the test set, each seed")'),
(97, "We tuned neither network, but the Transformer's sizes are known to suit these captions (Wu et al.).", "We tuned neither network, but the Transformer's sizes are known to suit these captions (Wu et al.). We train each three times, with different random seeds, and call one of them better only if its worst seed beats the best seed of the other."),
])
