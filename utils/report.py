"""The table *paper · well-known reproduction · ours*: shown in the notebook, and kept as JSON for the READMEs."""

import datetime
import html
import json
import os
import statistics
from pathlib import Path

from utils.checkpoint import checkpoint_dir, session_in_words, shown
from utils.device import current_scale
from utils.distributed import is_first
from utils.files import written_whole
from utils.fingerprint import fingerprint


class Report:
    """A table of results that shows itself in a notebook (`_repr_html_`) and as text (`print`)."""

    def __init__(self, content):
        self.content = content

    def _repr_html_(self):
        heads, rows, note = layout(self.content)
        lines = ["<table><thead><tr>", *(f"<th>{html.escape(h)}</th>" for h in heads), "</tr></thead><tbody>"]
        for row in rows:
            lines += ["<tr>", *(f"<td>{html.escape(cell)}</td>" for cell in row), "</tr>"]
        return "".join([*lines, f"</tbody></table><p>{html.escape(note)}</p>"])

    def __repr__(self):
        heads, rows, note = layout(self.content)
        widths = [max(len(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in [heads, *rows]]
        return "\n".join([*lines, note])

    def markdown(self):
        """The table as GitHub's Markdown, for a README."""
        heads, rows, note = layout(self.content)
        lines = [heads, ["---"] * len(heads), *rows]
        return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", note])


def report(notebook, metric, data, split, reproduction, rows, table=None):
    """Show results beside the paper's, and above scale quick keep them. Returns a Report.

    notebook      its name; metric, data and split in words ("test error, %", "CIFAR-10", "45k/5k")
    reproduction  who published the reproduction, in words; None where there is none
    rows          dictionaries: "what"; "paper" and "reproduction", numbers, or None where there is none; "runs", a
                  list of (value, Run), one a seed, empty where this scale does not run it
    table         a name, for every table of a notebook but its main one
    Trainings that were broken off are shown, never kept. Raises ValueError for a reproduction that nobody published.
    """
    if reproduction is None and any(row["reproduction"] is not None for row in rows):
        raise ValueError("a row has a number under 'reproduction', but no name says whose it is: pass reproduction=")
    content = {
        "notebook": notebook,
        "scale": current_scale(),
        "metric": metric,
        "data": data,
        "split": split,
        "reproduced_by": reproduction,
        "date": datetime.date.today().isoformat(),
        "rows": [as_row(**row) for row in rows],
    }
    complete = all(run.finished for row in rows for _, run in row["runs"])
    if content["scale"] != "quick" and complete and is_first():
        path = results_path(notebook, content["scale"], table)
        text = json.dumps(content, indent=1) + "\n"
        with written_whole(path) as file:
            file.write(text.encode())
        print(f"Kept in {shown(path)}")
    return Report(content)


def as_row(what, paper, reproduction, runs):
    """One row as plain values: the numbers of each seed, and where, when and how they were made."""
    return {
        "what": what,
        "paper": paper,
        "reproduction": reproduction,
        "ours": [round(float(value), 4) for value, _ in runs],
        "seeds": [run.identity["seed"] for _, run in runs],
        "epochs": sorted({run.history["epoch"][-1] for _, run in runs}),
        "minutes": [round(run.minutes, 2) for _, run in runs],
        "runs": [fingerprint(run.identity) for _, run in runs],
        "sessions": [session for _, run in runs for session in run.sessions],
    }


def results_path(notebook, scale, table=None):
    """$RESULTS_DIR/<scale>.json (`make execute` sets it to the notebook's results/), else beside the checkpoints."""
    if os.environ.get("RESULTS_DIR"):
        return Path(os.environ["RESULTS_DIR"]) / (f"{scale}-{table}.json" if table else f"{scale}.json")
    return checkpoint_dir() / scale / notebook / (f"results-{table}.json" if table else "results.json")


def layout(content):
    """(headings, rows of texts, note) of a table; a column of published figures is there only if one is."""
    published = [
        (key, head)
        for key, head in (("paper", "paper"), ("reproduction", content["reproduced_by"]))
        if any(row[key] is not None for row in content["rows"])
    ]
    heads = [content["metric"], *(head for _, head in published), f"ours, scale {content['scale']}", "epochs", "seeds"]
    rows = [
        [row["what"], *(number(row[key]) for key, _ in published), ours(row["ours"]), *training(row)]
        for row in content["rows"]
    ]
    sessions = [session for row in content["rows"] for session in row["sessions"]]
    made = unique(map(session_in_words, sessions))
    minutes = minutes_of(content["rows"])
    note = f"Data: {content['data']}, split {content['split']}."
    return (
        heads,
        rows,
        f"{note} Ours: {'; '.join(made)}; {minutes:.0f} min of training." if made else note,
    )


def minutes_of(rows):
    """The minutes of all trainings in the rows; each training counts once, however many rows it has."""
    minutes = {}
    for row in rows:
        names = row.get("runs") or [f"{row['what']}, seed {seed}" for seed in row["seeds"]]  # older files have no runs
        minutes.update(zip(names, row["minutes"]))
    total = 0.0
    for value in minutes.values():  # sum() rounds differently since Python 3.12, and a README must not depend on that
        total += value
    return total


def training(row):
    """The epochs and the seeds of a row, in words."""
    epochs, seeds = (", ".join(str(value) for value in row[key]) for key in ("epochs", "seeds"))
    return epochs or "–", f"{seeds} (n = {len(row['seeds'])})" if seeds else "–"


def number(value):
    """A number with two decimals; a dash for None."""
    return "–" if value is None else f"{value:.2f}"


def ours(values):
    """'8.61', '8.61 ± 0.16' over several seeds (standard deviation), or 'not run'."""
    if not values:
        return "not run"
    return number(values[0]) if len(values) == 1 else f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


def unique(values):
    """The values in their order, each once."""
    return list(dict.fromkeys(values))
