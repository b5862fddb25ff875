# README's snippets, the folder rules, the bench row (3 rounds)
cd /work/main
cat > /tmp/readme_vit.py <<'P'
import sys; sys.path[:0] = ["/work/main", "/work/main/tests"]
import pathlib, pytest
import test_readmes as R
path = pathlib.Path("/root/drafts/transformer/README.md")
@pytest.mark.parametrize("p", [path])
def test_it(p, from_the_root, capsys):
    R.test_the_snippets_run.__wrapped__(p, from_the_root, capsys) if hasattr(R.test_the_snippets_run, "__wrapped__") else R.test_the_snippets_run(p, from_the_root, capsys)
from_the_root = R.from_the_root
P
cp /tmp/readme_vit.py /tmp/test_readme_vit.py
time /root/venvs/main/bin/python -m pytest /tmp/test_readme_vit.py -q -p no:cacheprovider --rootdir /work/main -c /work/main/pyproject.toml -s 2>&1 | tail -15
/root/venvs/main/bin/python -m pytest tests/test_repository.py tests/test_vit.py tests/test_sums.py -q -p no:cacheprovider 2>&1 | tail -6
/root/venvs/main/bin/python -c "
import torch; torch.set_num_threads(1)
from tools.benchmark_architectures import compare_vit
compare_vit('cpu', 7)"
