import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
edit("/root/drafts/attention3/Attention.ipynb", [
(88, "best=scale != \"paper\", score=validation_bleu, lines=12, keep=5, clip=1.0, **options)",
     "best=scale != \"paper\", score=validation_bleu, lines=12 if seed == SEED else 2, keep=5, clip=1.0,\n                 **options)"),
(89, 'plot_histories({"Transformer": translator_run}, real.name)', 'plot_histories({f"seed {run.identity[\'seed\']}": run for _, run in trained}, real.name)'),
(99, '''        print(f"{name:11} seed {made.identity['seed']}, validation BLEU: a quarter {quarter:.1f}, half {half:.1f},",
              f"last {scores[-1]:.1f}, best {max(scores):.1f}")
        print(f"{'':19} validation loss: lowest {min(losses):.3f}, last {losses[-1]:.3f}")
both = [{**row, "reproduction": None} for row in ours_on_test] + rows_for("recurrent", rivals)
''', '''        print(f"{name:11} seed {made.identity['seed']}: validation BLEU {quarter:.1f} after a quarter, {half:.1f} half,",
              f"{max(scores):.1f} best; loss {min(losses):.3f} lowest, {losses[-1]:.3f} last")
both = [{**row, "reproduction": None} for row in ours_on_test] + rows_for("recurrent", rivals)
print("BLEU on the test set, each seed")
for row in both:
    print(f"{row['what']:20}", *(f"{value:6.2f}" for value, _ in row["runs"]))
'''),
])
