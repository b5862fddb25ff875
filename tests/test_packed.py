"""attention/packed.py: 8 bits change each weight by at most half a step, and a file gives back model and vocabulary."""

import pytest
import torch

from architectures.transformer.transformer import Transformer, greedy_decode
from attention.packed import load_translator, pack, unpack
from attention.translation import bleu, load_multi30k
from tools.repository import ROOT
from utils.checkpoint import save_file
from utils.files import data_root
from utils.tokens import BOS, EOS, BytePairs, pad_together, words

SIZE = dict(d_model=16, num_heads=2, num_layers=1, d_ff=24, norm_first=True)


def noisy(vocabulary, **size):
    """A model none of whose parameters is what it starts from: new biases are all 0 and new norms all 1."""
    model = Transformer(vocabulary, vocabulary, **size).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def test_eight_bits_are_half_a_step_away_at_most():
    torch.manual_seed(0)
    model, other = (noisy(30, **SIZE) for _ in range(2))
    packed = pack(model)
    assert packed["integers"].dtype == torch.int8 and packed["halves"].dtype == torch.float16
    unpack(other, packed)
    for ours, theirs in zip(model.parameters(), other.parameters()):
        error = (ours - theirs).abs()
        if ours.ndim == 2:
            step = (ours.abs().amax(dim=1, keepdim=True) / 127).half().float()
            assert (error <= 0.5 * step + 1e-6).all()
        else:  # 11 bits of a float16's 16 are its digits
            assert (error <= 2**-11 * ours.abs() + 1e-7).all()
    assert other.output.weight is other.src_embedding.weight, "what is shared stays shared"


def test_a_row_of_tiny_weights_does_not_overflow():
    model, other = (noisy(30, **SIZE) for _ in range(2))
    with torch.no_grad():
        model.encoder[0].feed_forward.w_1.weight.mul_(1e-6)
    unpack(other, pack(model))
    assert other.encoder[0].feed_forward.w_1.weight.abs().max() < 1e-4


def test_another_architecture_is_refused():
    with pytest.raises(ValueError, match="this model needs"):
        unpack(noisy(31, **SIZE), pack(noisy(30, **SIZE)))


@pytest.mark.parametrize("norm_first", (True, False))
def test_a_file_gives_back_model_and_vocabulary(tmp_path, norm_first):
    texts = ["ein hund und ein hund", "a dog and a dog"] * 3
    pieces = BytePairs(texts, 270)
    size = {**SIZE, "norm_first": norm_first}
    model = noisy(len(pieces), **size)
    merges = torch.tensor(list(pieces.merges), dtype=torch.int16)
    save_file({**pack(model), "merges": merges, "size": size, "made": "here"}, tmp_path / "t.pt")
    loaded, again, about = load_translator(tmp_path / "t.pt")
    assert again.merges == pieces.merges and again.bytes == pieces.bytes and about["made"] == "here"
    src = torch.tensor([again.encode("ein hund")])
    torch.testing.assert_close(loaded(src, src), model(src, src), rtol=0.1, atol=0.1)
    assert not loaded.training


def translated(texts):
    """German texts -> lists of English words, by the translator that the repository keeps."""
    model, pieces, _ = load_translator(ROOT / "attention" / "weights" / "multi30k.pt")
    src = pad_together([[*pieces.encode(text.lower()), EOS] for text in texts])
    return [pieces.words(row) for row in greedy_decode(model, src, BOS, EOS).tolist()]


def test_the_kept_translator():
    assert translated(["Zwei Hunde spielen im Schnee."]) == [words("two dogs play in the snow.")]


@pytest.mark.real_data
def test_the_kept_translator_on_multi30k():
    if not (data_root() / "multi30k").is_dir():
        pytest.skip("Multi30k is not on this machine")
    test = load_multi30k().test
    found, right = translated(test.source[:100]), [words(text.lower()) for text in test.target[:100]]
    assert bleu(found, right) > 35
