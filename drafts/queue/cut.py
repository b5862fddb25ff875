"""cut.py SRC DST 'marker of the last cell' ['markers of cells to drop' ...]"""
import sys, nbformat
src, dst, last, *drop = sys.argv[1:]
b = nbformat.read(src, 4); cells = []
found = False
for c in b.cells:
    if c.cell_type != "code": continue
    if not any(d in c.source for d in drop): cells.append(c)
    if last in c.source: found = True; break
assert found, "marker not found"
b.cells = cells; nbformat.write(b, dst); print(len(cells), "cells")
