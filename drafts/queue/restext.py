"""restext.py NB: the texts of resnet/ResNet.ipynb for scale paper, after respaper.py and the execution. Replacements by content, in Markdown
cells only. <<tokens>> are to be replaced by what the outputs show (fill FILL); the script lists those that are left and writes nothing then.
Sentences marked CHECK depend on the outcome: read the outputs first and rewrite where the result is another one."""
import json, re, sys
FILL = {}
EDITS = [
 # 0 opening
 ("**The main results:** In trainings of 8 epochs, with one seed each, 56 plain layers fit the training set far worse than 20, with a training error of 51.57 against 16.44 %, while with shortcuts 56 layers fit it better than 20, with 12.45 against 14.06 %. A learning rate five times lower does not help the deep plain network. Our ResNet-20 reaches 9.17 % test error on CIFAR-10 after 40 epochs, with one seed; the paper trains more than four times as long and reports 8.75 %.",
  "**The main results:** Trained by the paper's own recipe of 64,000 steps, our ResNet-20 reaches <<test0>> and <<test1>> % test error on CIFAR-10 (two seeds; paper: 8.75 %), and plain-20 <<fulltest>> % (one seed). In trainings of 30 epochs, with one seed each, 56 plain layers fit the training set <<CHECK far worse>> than 20, with a training error of <<p56>> against <<p20>> %, while with shortcuts 56 layers fit it <<CHECK better>> than 20, with <<r56>> against <<r20>> %. A learning rate five times lower does not help the deep plain network."),
 ("The stored outputs come from scale `cpu`, on an AMD EPYC with two cores. Each training used one thread, and two ran at a time; their minutes add up to 4.3 hours. There are four *scales*: `quick` (about a minute, generated images, meaningless numbers), `cpu` and `gpu` (CIFAR-10, shortened trainings), and `paper` (the paper's full training of ResNet-20, not stored here).",
  "The stored outputs come from scale `paper`, made over several days on an AMD EPYC with two cores. Each training used one thread, and two ran at a time; their minutes add up to <<hours>> hours. There are four *scales*: `quick` (about a minute, generated images, meaningless numbers), `cpu` (CIFAR-10, about two hours on such a machine) and `gpu`, with shortened trainings, and `paper`, with the paper's full training of ResNet-20."),
 # 43 knobs
 ("Scale `cpu` has less time. It uses a *one-cycle* schedule: the learning rate rises for a fifth of the training and then falls to zero along a cosine. Each step continues partly in the direction of the steps before it (Nesterov *momentum* of 0.9), and pulls all weights a little towards zero (*weight decay*, five times as strong as the paper's). We hardly tuned these values.",
  "Each step continues partly in the direction of the steps before it (*momentum* of 0.9), and pulls all weights a little towards zero (*weight decay* of 1e-4). Scales `cpu` and `gpu` have less time. They use a *one-cycle* schedule instead: the learning rate rises for a fifth of the training and then falls to zero along a cosine. Their momentum is Nesterov's, and their weight decay five times as strong. We hardly tuned these values."),
 ("They are about the training error, on which weight decay acts, too, so it is the paper's 1e-4.",
  "They are about the training error, on which weight decay acts, too, so it is the paper's 1e-4 at every scale. A third setting, `full`, lists networks that get the main run's whole recipe."),
 # 49 schedule
 ("A high rate moves the weights quickly but keeps them jumping around a minimum. As the rate falls, they settle.",
  "A high rate moves the weights quickly but keeps them jumping around a minimum. With each step down they settle."),
 # 53 curves
 (re.compile(r"\*\*The solid line jumps while the learning rate is high, and settles as it falls\.\*\* Until epoch 30 .*?because epoch 30 is a low point of the curve\. At the end the network classifies 95\.56 % of the augmented training images correctly and 91\.30 % of the validation images\."),
  "**The solid lines jump while the learning rate is high, and settle when it falls.** At the rate of 0.1, the validation accuracy drops by up to <<drop0>> and <<drop1>> points from one epoch to the next. At epoch 92, the first division by ten lifts all lines at once <<CHECK>>; the second, at epoch 137, adds little. In the last ten epochs the validation accuracy stays between <<lo>> and <<hi>> %. At the end the networks classify <<tr0>> and <<tr1>> % of the augmented training images correctly and <<va0>> and <<va1>> % of the validation images. What follows uses the one that is better on the validation images, seed <<best>>."),
 # 55 result
 (re.compile(r"\*\*ResNet-20 reaches 9\.17 % test error after 40 epochs.*?does not test the paper's recipe\.", re.S),
  "**By the paper's recipe, ResNet-20 reaches <<test0>> and <<test1>> % test error, where the paper reports 8.75 %.** Our mean, <<mean>> %, is <<diff>> points <<CHECK higher>>. The paper's five runs of ResNet-110 have a standard deviation of 0.16 points, and of 10,000 test images one standard error is about 0.28 points, so the two numbers <<CHECK agree>>. (Whether the paper's network saw the 5,000 validation images in training is not clear; ours did not.) On the training images ours make <<fit0>> and <<fit1>> % errors, so the gap between training and test error is <<gap>> points."),
 # 58 precision
 ("In the next plot the training error is averaged during the epoch",
  "At scale `paper`, these trainings too follow the paper's steps: their rate of 0.1 falls after half and after three quarters of the 30 epochs. In the next plot the training error is averaged during the epoch"),
 # 61
 (re.compile(r"On the left, the network with 56 layers lies far above the one with 20 from the first epoch to the last\. On the right, .*?those of the shallow one\."), "<<CHECK write from the plot>>"),
 # 63
 (re.compile(r"\*\*After 8 epochs the training error of 56 plain layers is 35\.14 points higher .*?\(n = 1\)\."),
  "**After 30 epochs the training error of 56 plain layers is <<dplain>> points higher than that of 20, which is degradation and cannot be overfitting. With shortcuts it is <<dres>> points <<CHECK lower: depth helps>>.** The test errors have the same order. Each network was trained once (n = 1)."),
 ("The peak rate of 0.1 may simply be too large", "The rate of 0.1 may simply be too large"),
 # 66
 ("At 0.02 plain-56 ends at 51.88 %, 35.44 points above plain-20; at 0.1 it was 35.14 points.", "At 0.02 plain-56 ends at <<slow>> %, <<dslow>> points above plain-20; at 0.1 it was <<dplain>> points."),
 ("Our trainings are too short to say whether the deep plain network would catch up.", "Thirty epochs are a sixth of the paper's training, too few to say whether the deep plain network would catch up."),
 ("These test errors are the paper's (Table 6) and akamaster's, not ours. At scale `paper` you can train the networks to the end yourself, with `train(build_for(\"ResNet-56\"), \"ResNet/ResNet-56-full\", split=\"test\")`; ResNet-110 also needs `warmup=400`.",
  "<<CHECK result of the whole recipe: plain-20 fulltrain/fulltest against ResNet-20, seed 0 beside seed 0>>\n\nThese test errors are the paper's (Table 6) and akamaster's, not ours. At scale `paper` you can train the networks to the end yourself: add their names to the list `full`."),
 # 110
 ("| Training | 64k iterations, learning rate in steps, momentum, weight decay 1e-4 | 40 epochs, one-cycle up to a rate of 0.2, Nesterov momentum, weight decay 5e-4; the paper's recipe only at scale `paper` |",
  "| Training | 64k iterations, learning rate in steps, momentum, weight decay 1e-4 | the same; one-cycle, Nesterov momentum and weight decay 5e-4 at smaller scales |"),
 ("| Seeds | one number for 20 layers, five runs for 110 layers | one of each network (at scale `paper` two of ResNet-20) |",
  "| Seeds | one number for 20 layers, five runs for 110 layers | two of ResNet-20, one of each other network |"),
 ("| Figure 6 | 20 to 110 layers, 64k iterations, momentum | 20 and 56 layers, 8 epochs, one-cycle up to a rate of 0.1 (plain-56 also 0.02), Nesterov momentum; weight decay 1e-4 as in the paper |",
  "| Figure 6 | 20 to 110 layers, 64k iterations | 20 and 56 layers, 30 epochs, with the same steps in proportion (plain-56 also at a rate of 0.02); plain-20 also with all 64k iterations |"),
 ("main run: bfloat16 where the CPU has it; Figure 6: float32", "ResNet-20: bfloat16 where the CPU has it; Figure 6 and plain-20: float32"),
 ("which takes as long as the main run.", "which takes as long as one seed of the main run; at scale `cpu` that is an hour."),
]
if __name__ == "__main__":
    P = sys.argv[1]; raw = open(P).read(); nb = json.loads(raw); left = []
    for old, new in EDITS:
        hits = []
        for c in nb["cells"]:
            if c["cell_type"] != "markdown": continue
            s = "".join(c["source"])
            n = len(old.findall(s)) if hasattr(old, "findall") else s.count(old)
            if n: hits.append((c, n))
        if len(hits) != 1 or hits[0][1] != 1: print("NOT", len(hits), str(old)[:90]); continue
        c = hits[0][0]; s = "".join(c["source"])
        for k, v in FILL.items(): new = new.replace(f"<<{k}>>", v)
        left += re.findall(r"<<[^>]*>>", new)
        s = old.sub(lambda m: new, s) if hasattr(old, "findall") else s.replace(old, new)
        c["source"] = s.splitlines(keepends=True)
    print("left:", left)
    if not left: open(P, "w").write(json.dumps(nb, indent=1, ensure_ascii=False) + ("\n" if raw.endswith("\n") else ""))
