# Setup: find the repository, or fetch it (on Colab). The same cell in every notebook.
import os, subprocess, sys
from pathlib import Path

REPOSITORY = "OWNER/NAME"
# On Colab, to keep trainings on your Drive, remove the two hashes:
# from google.colab import drive; drive.mount("/content/drive")
# os.environ["CHECKPOINT_DIR"] = "/content/drive/MyDrive/checkpoints"
clone = Path.cwd() / REPOSITORY.split("/")[1]
root = next((p for p in (Path.cwd(), *Path.cwd().parents, clone) if (p / "tools" / "setup_cell.py").is_file()), clone)
if not (root / "tools").is_dir():
    assert "YOUR_NAME" not in REPOSITORY, "Set REPOSITORY above to the owner/name on GitHub that this notebook is from."
    git = ["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{REPOSITORY}.git", str(clone)]
    subprocess.run(git, check=True, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
if root == clone:
    print(subprocess.check_output(["git", "log", "-1", "--format=Using commit %h of %cs"], cwd=root, text=True))
sys.path.insert(0, str(root))
import utils
assert Path(utils.__file__).parent == root / "utils", f"another module named utils is loaded: {utils.__file__}"
