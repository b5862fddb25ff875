s=open('build.py').read()
def sub(a,b):
    global s
    assert s.count(a)==1,(s.count(a),a[:70]); s=s.replace(a,b)
def todo(start,new):
    global s
    assert s.count(start)==1,(s.count(start),start); i=s.index(start); j=s.index('-->',i)+3; s=s[:i]+new+s[j:]
i=s.index('@styled\ndef plot_parts'); j=s.index('plot_parts(main_runs, levels)')
s=s[:i]+'''@styled
def plot_parts(runs, levels):
    figure, axes = plt.subplots(1, 2, figsize=(12, 3.8))
    for axis, (part, title) in zip(axes, {"masked": "[MASK] positions", "nsp": "next sentence"}.items()):
        for colour, key in zip(COLOURS, (f"train_{part}", f"val_{part}")):
            values = [v for run in runs for v in run.history[key]]
            axis.plot(range(1, len(values) + 1), values, ".-", color=colour, label=key.split("_")[0])
        axis.axvline(runs[0].history["epoch"][-1] + 0.5, color="#bbbbbb", linewidth=1, label="stage 2 begins")
        axis.set(title=title, xlabel="epoch", ylabel="cross-entropy (nats)")
    last = [runs[0].history["epoch"][-1] + 0.5, sum(len(run.history["epoch"]) for run in runs) + 0.5]
    for colour, (name, (_, loss)) in zip(COLOURS[2:], levels.items()):
        axes[0].plot(last, [loss, loss], color=colour, linestyle="--", label=name)
    axes[1].axvspan(0.5, last[0], color="#eeeeee", label="not trained")
    axes[1].axhline(math.log(2), color="#555555", linestyle=":", label="guessing")
    for axis in axes:
        axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    figure.suptitle(f"Pre-training on {reviews.name}")

'''+s[j:]
sub('''    return ", ".join(encoder.pieces[i] for i in similarity.topk(best + 1).indices.tolist() if encoder.pieces[i] != word)
''','''    similarity[[encoder.numbers[piece] for piece in (*SPECIALS, word)]] = -1
    return ", ".join(encoder.pieces[i] for i in similarity.topk(best).indices.tolist())
''')
todo('TODO-NUMBERS <!-- TODO-NUMBERS: all curves','''**With masks, BERT beats the counts, even though they see more.** On the masked words of the test documents it has an accuracy of 35.0 % and a perplexity of 42.1; the bigrams of both sides have 28.4 % and 56.4 (n = 1). Stage 2 has to learn its new positions first: the validation loss was 3.69 nats at the end of stage 1, is 4.26 after the first epoch on long texts, and 3.70 at the end. It is still falling, although the training loss (2.93) is far below it. Next sentence prediction stays at guessing for about ten epochs of stage 2. It ends at 66.6 % of the test pairs, below the 74.1 % of the bag of words and far below the paper's 97 to 98 %.''')
todo('TODO-NUMBERS <!-- TODO-NUMBERS: perplexity and accuracy of both, left, right','''**The network needs both sides.** With both, it has a perplexity of 29.6 and names 40.0 % of the words. The bigrams, which see one word on each side, have 55.9 and 28.6 %. With one side only, the perplexity rises to 242 (left) and 280 (right), above that of the bigrams (186 and 196).''')
todo('TODO-NUMBERS <!-- TODO-NUMBERS: what is learnt first','''**It learns frequent words first, then what fits the sentence.** At the end, *love* and *effects* have 99 and 98 %. *One of the ___ movies* leaves *worst* (51 %) and *best* (38 %), which the sentence indeed does not decide. But the last sentence does, and the network misses it: after "i didn't like this movie" it puts *good* (20 %) far before *bad* (2 %).''')
todo('TODO-NUMBERS <!-- TODO-NUMBERS: which heads look at neighbours','''**Two heads of layer 1 look at nothing but a neighbour**: head 2 at the next word, head 3 at the word before. Head 0 mostly looks two places to the right. In head 1 most visible words look at themselves, but the [MASK] looks at *falls*, the word that calls for *love*. In layer 2, heads 1 and 2 look at the neighbours again, and head 0 takes the [MASK] to *falls* once more.''')
todo('TODO-NUMBERS <!-- TODO-NUMBERS: what the neighbours share','''**Words that fit the same gaps are close**, also opposites: the nearest token to *good* is *bad*. *Actor* is near *actress* and *two* near *three*. Rarer words such as *spielberg* are placed less well.''')
open('build.py','w').write(s)
