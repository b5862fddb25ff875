"""Many notebooks at one scale, each executed by a process of its own: what `make reproduce` does.

A notebook that fails stops only itself. What was broken off is taken up by the next call: finished trainings are
recognised, unfinished ones go on from their last epoch, and notebooks that are through are skipped until all are.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from tools.notebooks import as_seen, locate
from tools.repository import ROOT, files
from utils.device import hardware, versions
from utils.files import written_whole
from utils.progress import in_words
from utils.report import number, ours

POLL = 0.5  # seconds between two looks at the processes
QUIET = 60  # seconds between two lines about the same running notebook, where lines cannot be overwritten
PATIENCE = 20  # seconds for a process to end its kernel, before it is killed itself
ERROR = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")


@dataclass
class Job:
    """A notebook on its way. `status` is "waiting", "running", "done", "failed", "stopped" or "done before"."""

    path: Path
    log: Path
    status: str = "waiting"
    process: subprocess.Popen = None
    started: float = 0.0  # seconds since 1970
    seconds: float = 0.0  # that it took
    sources: str = ""  # the digest of the code that its process started with
    said: tuple = (None, 0.0)  # where it was when the last line about it was printed, and when that was

    @property
    def name(self):
        return str(inside(self.path).with_suffix(""))

    @property
    def progress(self):
        return self.log.with_suffix(".progress")


def reproduce(notebooks=(), scale=None, jobs=None):
    """Execute the notebooks, or all that there are. Except at scale quick, their outputs and results are stored.

    scale  None for gpu where there is one, else cpu
    jobs   how many at once; None for 4 on a CUDA GPU, else 1
    Returns 0, 1 if a notebook failed, 130 after an interrupt. Raises ValueError and FileNotFoundError at once, before
    anything is executed.
    """
    gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
    scale, jobs = scale or ("gpu" if gpu else "cpu"), at_once(jobs, gpu)
    folder = ROOT / "build" / "reproduce" / scale
    paths = dict.fromkeys([locate(notebook) for notebook in notebooks] or files(".ipynb"))
    todo = [Job(path, (folder / inside(path)).with_suffix(".log")) for path in paths]
    finished = folder / "finished.json"
    recognise(todo, finished)
    print(
        f"{len(todo)} notebook{'s' * (len(todo) != 1)} at scale {scale}, {jobs} at once, on {hardware(gpu or 'cpu')}."
    )
    if scale in ("gpu", "paper") and gpu is None:
        print(f"There is no GPU here: scale {scale} may take days on this CPU. SCALE=cpu is made for it.")
    print(f"Logs: {inside(folder)}", flush=True)
    before = on_signals(signal.default_int_handler)
    try:
        follow(todo, scale, jobs, finished)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # the terminal may be gone
            print("\nStopping the notebooks and their kernels …", flush=True)
    finally:
        on_signals(signal.SIG_IGN)  # a second Ctrl-C would leave kernels behind
        stop(todo)
        for kind, handler in before.items():
            signal.signal(kind, handler)
    return sum_up(todo, scale, finished)


def at_once(jobs, gpu):
    """How many notebooks run at once. Raises ValueError for less than one, and for more than one on a CPU."""
    if jobs is None:
        return 4 if gpu == "cuda" else 1
    if jobs < 1:
        raise ValueError(f"JOBS is {jobs}; expected 1 or more")
    if jobs > 1 and gpu is None:
        raise ValueError(
            f"JOBS is {jobs}; expected 1, since there is no GPU here: a training uses all cores of a CPU, and the "
            "threads of several trainings fight for them, which takes longer than one training after the other"
        )
    return jobs


def inside(path):
    """A path relative to the repository; for one that lies elsewhere, its name."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(path.name)


def recognise(todo, path):
    """Mark the notebooks that an unfinished call executed, by its file `path`, and that have not changed since."""
    finished = recall(path)
    for job in todo:
        known, seconds = finished.get(job.name, (None, 0.0))
        if known == digest(job.path):
            job.status, job.seconds = "done before", seconds


def recall(path):
    """{name: [digest, seconds]} of the notebooks that unfinished calls executed."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save(finished, path):
    """Write what `recall` reads, whole or not at all."""
    with written_whole(path) as file:
        file.write(json.dumps(finished).encode())


def digest(notebook):
    """What a notebook's outputs hang on: itself, outputs included, and its `sources`."""
    return hashlib.sha256(repr((notebook.read_bytes(), sources(notebook))).encode()).hexdigest()


def sources(notebook):
    """The code that a notebook's outputs hang on, as a digest: the models, utils, its own modules, the versions."""
    modules = [*ROOT.glob("architectures/*/*.py"), *ROOT.glob("utils/*.py"), *notebook.parent.glob("*.py")]
    content = [path.read_bytes() for path in sorted(set(modules))]
    return hashlib.sha256(repr((versions(), content)).encode()).hexdigest()


def on_signals(handler):
    """Give Ctrl-C, kill and a closed terminal (unless nohup has it ignored) this handler. Returns the former ones."""
    kinds = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        kinds.append(signal.SIGHUP)
    return {kind: signal.signal(kind, handler) for kind in kinds}


def follow(todo, scale, jobs, path):
    """Start the waiting notebooks, `jobs` at once, and show where they are, until all have ended; `path` as above."""
    drawn = []
    while True:
        running = [job for job in todo if job.status == "running"]
        for job in running:
            job.seconds = time.time() - job.started
            if job.process.poll() is not None:
                end(job, "done" if job.process.returncode == 0 else "failed")
                if job.status == "done" and job.sources == sources(job.path):  # else the next call executes it again
                    save({**recall(path), job.name: [digest(job.path), job.seconds]}, path)
        free = jobs - sum(job.status == "running" for job in todo)
        for job in [job for job in todo if job.status == "waiting"][:free]:
            start(job, scale, jobs)
        if sys.stdout.isatty():
            drawn = redraw(todo, drawn)
        else:
            say_news(todo, time.time())
        if not any(job.status == "running" for job in todo):
            return
        time.sleep(POLL)


def start(job, scale, jobs):
    """Execute a notebook in a process and a session of its own, which no Ctrl-C reaches but through `stop`."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    forget(job)
    environment = {**os.environ, "PROGRESS_FILE": str(job.progress), "PYTHONUNBUFFERED": "1"}
    if jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // jobs)))
    command = [sys.executable, "-m", "tools", "run" if scale == "quick" else "execute", str(job.path), "--scale", scale]
    with open(job.log, "wb") as log:
        options = dict(cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        job.started, job.status, job.sources = time.time(), "running", sources(job.path)
        job.process = subprocess.Popen(command, start_new_session=True, **options)


def end(job, status):
    """Note that the notebook's process has ended."""
    job.status, job.seconds = status, time.time() - job.started
    forget(job)


def forget(job):
    """Remove what the notebook's process and kernel told of their progress."""
    for suffix in ("", ".cell"):
        Path(f"{job.progress}{suffix}").unlink(missing_ok=True)


def stop(todo):
    """End the running notebooks and their kernels, which lie in sessions of their own: each process ends its kernel.

    A process that was killed because it did not do so within PATIENCE leaves a kernel that ends itself, as kernels do
    when whoever started them is gone.
    """
    for job in todo:
        if job.status == "running" and job.process is None:
            job.status = "waiting"  # it could not be started
    running = [job for job in todo if job.status == "running"]
    for kind in (signal.SIGINT, signal.SIGKILL):
        left = [job.process for job in running if job.process.poll() is None]
        for process in left:
            os.killpg(process.pid, kind)
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit and any(process.poll() is None for process in left):
            time.sleep(0.1)
    for job in running:
        end(job, "stopped")


def where(job):
    """(a running notebook's training and cell in words, what of it is worth a new line)."""
    training, cell = {}, {}
    for suffix, state in (("", training), (".cell", cell)):
        try:
            state.update(json.loads(Path(f"{job.progress}{suffix}").read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
    words = f"cell {cell['cell']}/{cell['cells']}" if cell else "starts"
    if training:
        left = "" if training["left"] is None else f", {in_words(training['left'])} left"
        words = f"{training['training']}: epoch {training['epoch']}/{training['epochs']}{left} ({words})"
    return words, [cell.get("cell"), training.get("training"), int(10 * training.get("share", 0))]


def line_of(job, todo):
    """One line: the notebook, how long it has taken, and where it is or how it ended."""
    words = where(job)[0] if job.status == "running" else job.status
    if job.status == "failed":
        words += f", see {inside(job.log)}"
    taken = "" if job.status == "waiting" else in_words(job.seconds)
    return f"{job.name:<{max(len(other.name) for other in todo)}}  {taken:>6}  {words}"


def redraw(todo, drawn):
    """Print one line a notebook over the lines `drawn` before, on a terminal. Returns the lines."""
    width, height = shutil.get_terminal_size()
    shown = todo if len(todo) < height else [job for job in todo if job.status == "running"]
    lines = [line_of(job, todo)[: width - 1] for job in shown]
    if lines != drawn:
        back = f"\x1b[{len(drawn)}F\x1b[J" if drawn else ""
        print(back + "\n".join(lines), flush=True)
    return lines


def say_news(todo, now):
    """Print a line for each notebook that has started or ended, or is a tenth of a training further, once a minute."""
    for job in todo:
        news = [job.status, *(where(job)[1] if job.status == "running" else ())]
        known, when = job.said
        if job.status == "waiting" or news == known:
            continue
        if known is None or known[0] != job.status or now - when >= QUIET:
            print(line_of(job, todo), flush=True)
            job.said = news, now


def sum_up(todo, scale, path):
    """Print what ran, how long, the main result beside the paper's, and what failed. Returns the exit status."""
    rows = [("notebook", "minutes", "status", "main result")]
    for job in todo:
        minutes = f"{job.seconds / 60:.1f}" if job.status != "waiting" else "–"
        rows.append((job.name, minutes, job.status, main_result(job, scale)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    print()
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    failed = [job for job in todo if job.status == "failed"]
    for job in failed:
        print(f"\n{job.name} failed. Its log, {inside(job.log)}, ends with:")
        print("\n".join(f"    {line}" for line in last_error(job.log)))
    if any(job.status in ("stopped", "waiting") for job in todo):
        print("\nStopped. The same command goes on from here: what is done is not executed again, nor what is trained.")
        return 130
    if failed:
        print("\nWhen that is mended, the same command executes what failed, and not again what is done.")
        return 1
    names = [job.name for job in todo]  # all of them are through: the next call begins anew
    save({name: value for name, value in recall(path).items() if name not in names}, path)
    print(f"\nExecuted copies: build/{scale}" if scale == "quick" else "\nResults for the READMEs: make table")
    return 0


def main_result(job, scale):
    """The first row with a result of ours in results/<scale>.json beside the notebook, if this run wrote that file."""
    path = job.path.parent / "results" / f"{scale}.json"
    if not job.status.startswith("done") or not path.exists() or path.stat().st_mtime < job.started:
        return "–"
    content = json.loads(path.read_text(encoding="utf-8"))
    row = next((row for row in content["rows"] if row["ours"]), content["rows"][0])
    return f"{row['what']}: {ours(row['ours'])} (paper {number(row['paper'])}), {content['metric']}"


def last_error(log):
    """The last error of a log with its message, eight lines at most; the last three lines where none is to be seen."""
    lines = [line for line in as_seen(log.read_text(encoding="utf-8", errors="replace")).splitlines() if line.strip()]
    first = max((index for index, line in enumerate(lines) if ERROR.match(line)), default=len(lines) - 3)
    return lines[max(first, 0) :][:8]
