"""nbtext.py NOTEBOOK [o [FIGDIR]]: a notebook as text; with o also its outputs, figures as PNG files into FIGDIR."""
import sys, json, base64, os
nb = json.load(open(sys.argv[1])); out = len(sys.argv) > 2; figs = sys.argv[3] if len(sys.argv) > 3 else "/tmp/rd/" + os.path.basename(sys.argv[1])[:-6]
if out: os.makedirs(figs, exist_ok=True)
for i, c in enumerate(nb["cells"]):
    print(f"\n=== cell {i} {c['cell_type']}"); print("".join(c["source"]))
    if out and c["cell_type"] == "code":
        for j, o in enumerate(c["outputs"]):
            t = "".join(o.get("text", [])) if "text" in o else ""
            d = o.get("data", {})
            if "image/png" in d:
                p = f"{figs}/{i:02}-{j}.png"; open(p, "wb").write(base64.b64decode("".join(d["image/png"]))); t += f"[figure {p}]"
            elif "text/plain" in d: t += "".join(d["text/plain"])
            if t: print("--- output"); print(t)
