"""nbtext.py NB A B: cells A to B, sources and text outputs."""
import json,sys
nb=json.load(open(sys.argv[1])); a,b=int(sys.argv[2]),int(sys.argv[3])
for i,c in enumerate(nb["cells"]):
    if a<=i<=b:
        print(f"=== {i} {c['cell_type']} [{c.get('execution_count','')}]"); print("".join(c["source"]))
        for o in c.get("outputs",[]):
            if "text" in o: print("--- out\n"+"".join(o["text"]))
            elif "data" in o: print("--- data", list(o["data"]), "".join(o["data"].get("text/plain",""))[:2000] if "image/png" not in o["data"] else "")
