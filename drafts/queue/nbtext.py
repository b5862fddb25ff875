import sys, nbformat
b = nbformat.read(sys.argv[1], 4); o = len(sys.argv) > 2
for i, c in enumerate(b.cells):
    print(f"\n##### [{i}] {c.cell_type}"); print(c.source)
    if o:
        for x in c.get("outputs", []):
            t = x.get("text") or x.get("data", {}).get("text/plain", "")
            if "image/png" in x.get("data", {}): t = f"<image {len(x['data']['image/png'])*3//4} bytes> " + t
            print("  >>>", "\n  >>> ".join(t.splitlines()))
