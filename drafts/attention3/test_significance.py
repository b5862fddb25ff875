"""attention/significance.py and attention/epochs.py: what the race between two translators rests on."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from attention.epochs import keep_each_epoch, take_best
from attention.significance import bleu_of, counts, paired_bootstrap
from attention.translation import bleu

REFERENCES = [f"a man {verb} a red bicycle in {place}".split() for verb in ("rides", "sees") for place in "abcdefghij"]
GOOD = [[*sentence[:-1], "there"] if i % 3 else sentence for i, sentence in enumerate(REFERENCES)]
BAD = [[*sentence[:-3], "by", "a", "lake"] if i % 4 else sentence for i, sentence in enumerate(REFERENCES)]


@pytest.mark.parametrize("answers", [GOOD, BAD, [sentence[:6] for sentence in REFERENCES]])
def test_the_sums_of_the_sentences_give_bleu(answers):
    assert bleu_of(counts(answers, REFERENCES).sum(0)).item() == pytest.approx(bleu(answers, REFERENCES), abs=1e-9)


def test_without_a_match_bleu_is_zero():
    answers = [["nothing", "fits", "in", "here"]] * len(REFERENCES)
    assert bleu_of(counts(answers, REFERENCES).sum(0)).item() == bleu(answers, REFERENCES) == 0


def test_without_four_words_bleu_is_zero_too():
    answers = [sentence[:3] for sentence in REFERENCES]
    assert bleu_of(counts(answers, REFERENCES).sum(0)).item() == bleu(answers, REFERENCES) == 0
    assert paired_bootstrap([answers], [BAD], REFERENCES, times=20)[1:] < (0, 0)


def test_a_better_translator_is_ahead_on_nearly_all_test_sets():
    ahead, low, high = paired_bootstrap([GOOD, REFERENCES], [BAD, GOOD], REFERENCES, times=200)
    expected = (100 + bleu(GOOD, REFERENCES)) / 2 - (bleu(BAD, REFERENCES) + bleu(GOOD, REFERENCES)) / 2
    assert ahead == pytest.approx(expected, abs=1e-9) and 0 < low < ahead < high
    back = paired_bootstrap([BAD, GOOD], [GOOD, REFERENCES], REFERENCES, times=200)
    assert back == pytest.approx((-ahead, -high, -low), abs=1e-9)


def test_the_same_translations_are_level_and_the_seed_decides_what_is_drawn():
    assert paired_bootstrap([GOOD], [GOOD], REFERENCES, times=50) == (0, 0, 0)
    one, again, other = (paired_bootstrap([GOOD], [BAD], REFERENCES, times=50, seed=seed) for seed in (0, 0, 1))
    assert one == again and one != other


def test_the_interval_is_that_of_a_plain_loop():
    generator, sentences = torch.Generator().manual_seed(3), len(REFERENCES)
    differences = []
    for chosen in torch.randint(sentences, (100, sentences), generator=generator).tolist():
        drawn = [[side[i] for i in chosen] for side in (GOOD, BAD, REFERENCES)]
        differences.append(bleu(drawn[0], drawn[2]) - bleu(drawn[1], drawn[2]))
    bounds = torch.tensor(differences, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert paired_bootstrap([GOOD], [BAD], REFERENCES, 100, seed=3)[1:] == pytest.approx(bounds.tolist(), abs=1e-9)


def test_other_numbers_of_sentences_are_refused():
    with pytest.raises(ValueError, match="19 answers for 20 references"):
        paired_bootstrap([GOOD], [BAD[:-1]], REFERENCES)


def test_the_best_epoch_comes_back(tmp_path, capsys):
    model, loader = nn.Linear(1, 1), SimpleNamespace(epoch=0)
    handle = keep_each_epoch(tmp_path, model, loader)
    for epoch in (1, 2, 3):
        loader.epoch = epoch
        model.train()(torch.zeros(1))  # a training step writes nothing
        assert not (tmp_path / f"{epoch}.pt").exists()
        nn.init.constant_(model.weight, epoch)
        for _ in range(2):  # of two batches of the evaluation, the first writes
            model.eval()(torch.zeros(1))
    handle.remove()
    run = SimpleNamespace(history={"val_bleu": [1.0, 9.0, 2.0], "epoch": [1, 2, 3]}, finished=False)
    take_best(tmp_path, model, run)
    assert model.weight.item() == 2 and len(list(tmp_path.glob("*.pt"))) == 3
    assert "2.00 after the last epoch; the model has the weights of epoch 2: 9.00" in capsys.readouterr().out
    run.finished = True
    take_best(tmp_path, model, run)
    assert [path.name for path in tmp_path.glob("*.pt")] == ["2.pt"]


def test_without_its_file_the_model_stays_and_nothing_is_deleted(tmp_path, capsys):
    model = nn.Linear(1, 1)
    before = model.weight.clone()
    torch.save(model.state_dict(), tmp_path / "2.pt")
    take_best(tmp_path, model, SimpleNamespace(history={"val_bleu": [5.0, 1.0], "epoch": [1, 2]}, finished=True))
    assert torch.equal(model.weight, before) and (tmp_path / "2.pt").exists()
    out = capsys.readouterr().out
    assert "epoch 1 was the best" in out and "1.pt is missing" in out and "1.00 after its last epoch" in out


def test_an_interrupt_in_the_first_epoch_changes_nothing(tmp_path, capsys):
    take_best(tmp_path, nn.Linear(1, 1), SimpleNamespace(history={"epoch": []}, finished=False))
    assert capsys.readouterr().out == ""


def test_a_full_disk_does_not_end_the_training(tmp_path, capsys):
    (tmp_path / "folder").write_text("a file, so that no folder of this name can be made")
    model, loader = nn.Linear(1, 1), SimpleNamespace(epoch=0)
    handle = keep_each_epoch(tmp_path / "folder", model, loader)
    loader.epoch = 1
    model.eval()(torch.zeros(1))
    handle.remove()
    assert "WARNING: the weights of epoch 1 could not be kept" in capsys.readouterr().out
