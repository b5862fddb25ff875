"""BERT-base as Google published it, uncased: its vocabulary, and its weights, each downloaded once."""

from utils.files import data_root, download, safetensors_reader

COMMIT = "86b5e0934494bd15c9632b12f734a8a67f723594"
ADDRESSES = (
    f"https://huggingface.co/google-bert/bert-base-uncased/resolve/{COMMIT}/",
    f"https://huggingface.co/bert-base-uncased/resolve/{COMMIT}/",
)
SHA256 = {
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "model.safetensors": "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
}


def published_file(name):
    """The path of "vocab.txt" (232 kB) or "model.safetensors" (440 MB), downloaded if need be.

    Raises DataError where that fails.
    """
    addresses = [address + name for address in ADDRESSES]
    return download(addresses, data_root() / "bert-base-uncased" / name, SHA256[name])


def load_published_weights():
    """The weights of bert-base-uncased, {name: tensor}, for `from_huggingface`: 110,106,428 numbers.

    Raises DataError when the file cannot be fetched, or the package `safetensors` is missing.
    """
    read = safetensors_reader()  # before 440 MB are fetched
    return read(published_file("model.safetensors"))
