"""edit_nb.edit(path, [(cell, old, new), …]): exact replacements in a notebook's sources; each old must occur once."""
import json
def edit(path, pairs):
    raw = open(path, encoding="utf-8").read(); nb = json.loads(raw); bad = 0
    for cell, old, new in pairs:
        c = nb["cells"][cell]; s = "".join(c["source"])
        if s.count(old) != 1:
            bad += 1; print("NOT", cell, s.count(old), repr(old[:80])); continue
        s = s.replace(old, new)
        c["source"] = s.splitlines(keepends=True) if isinstance(c["source"], list) else s
    if not bad:
        new = json.dumps(nb, indent=1, ensure_ascii=False) + ("\n" if raw.endswith("\n") else "")
        open(path, "w", encoding="utf-8").write(new); print("written", path)
    print("words", sum(len("".join(c["source"]).split()) for c in nb["cells"] if c["cell_type"] == "markdown"))
