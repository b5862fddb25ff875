# commits vit.py, augment.py, sums.py, their tests, and this task's lines alone of the bench file
set -e
cd /work/main
git show HEAD:tools/benchmark_architectures.py > /tmp/bench_vit.py
/root/venvs/main/bin/python - <<'P'
mine = open("/work/main/tools/benchmark_architectures.py").read()
s = open("/tmp/bench_vit.py").read()
start = mine.index("def compare_vit("); end = mine.index("def ", start + 5)
body = mine[start:end]
line = "from architectures.transformer.vit import VisionTransformer, from_torchvision\n"
if line not in s:
    anchor = "from architectures.resnet.resnet import resnet18, resnet50\n"; assert anchor in s
    s = s.replace(anchor, anchor + line)
    calls = s[s.index("def main("):s.index("\n\n\ndef", s.index("def main("))]
    s = s.replace(calls, calls + "\n    compare_vit(device, rounds)")
    s = s.replace("def compare(nets, work, rounds, device):", body.rstrip() + "\n\n\ndef compare(nets, work, rounds, device):")
open("/tmp/bench_vit.py", "w").write(s)
P
/root/venvs/main/bin/ruff check -q --fix /tmp/bench_vit.py --config pyproject.toml; /root/venvs/main/bin/ruff format --check /tmp/bench_vit.py --config pyproject.toml
FILES="architectures/transformer/vit.py architectures/transformer/augment.py architectures/transformer/sums.py tests/test_vit.py tests/test_sums.py"
export GIT_INDEX_FILE=/tmp/idx-vit
git read-tree HEAD
git add $FILES
git update-index --cacheinfo 100644,$(git hash-object -w /tmp/bench_vit.py),tools/benchmark_architectures.py
git commit -q -m "$1"
unset GIT_INDEX_FILE
git add $FILES
git update-index --cacheinfo 100644,$(git rev-parse HEAD:tools/benchmark_architectures.py),tools/benchmark_architectures.py
git show --stat HEAD | tail -8
