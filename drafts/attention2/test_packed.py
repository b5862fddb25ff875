"""attention/packed.py: 8 bits change each weight by at most half a step, and a file gives back model and vocabulary."""

import pytest
import torch

from architectures.transformer.transformer import Transformer
from attention.packed import load_translator, pack, unpack
from utils.checkpoint import save_file
from utils.tokens import BytePairs

SIZE = dict(d_model=16, num_heads=2, num_layers=1, d_ff=24)


def test_eight_bits_are_half_a_step_away_at_most():
    model, other = (Transformer(30, 30, norm_first=True, **SIZE) for _ in range(2))
    packed = pack(model)
    assert packed["integers"].dtype == torch.int8 and packed["halves"].dtype == torch.float16
    unpack(other, packed)
    for ours, theirs in zip(model.parameters(), other.parameters()):
        step = ours.abs().amax(dim=-1, keepdim=True) / 127 if ours.ndim == 2 else torch.tensor(1e-3)
        assert ((ours - theirs).abs() <= 0.6 * step + 1e-3 * ours.abs()).all()
    assert other.output.weight is other.src_embedding.weight, "what is shared stays shared"


def test_another_architecture_is_refused():
    with pytest.raises(ValueError, match="this model needs"):
        unpack(Transformer(31, 31, norm_first=True, **SIZE), pack(Transformer(30, 30, norm_first=True, **SIZE)))


def test_a_file_gives_back_model_and_vocabulary(tmp_path):
    texts = ["ein hund und ein hund", "a dog and a dog"] * 3
    pieces = BytePairs(texts, 270)
    model = Transformer(len(pieces), len(pieces), norm_first=True, **SIZE).eval()
    merges = torch.tensor(list(pieces.merges), dtype=torch.int16)
    save_file({**pack(model), "merges": merges, "size": SIZE, "made": "here"}, tmp_path / "t.pt")
    loaded, again, about = load_translator(tmp_path / "t.pt")
    assert again.merges == pieces.merges and again.bytes == pieces.bytes and about["made"] == "here"
    src = torch.tensor([again.encode("ein hund")])
    torch.testing.assert_close(loaded(src, src), model(src, src), rtol=0.1, atol=0.1)
    assert not loaded.training
