"""part.py NB A B OUT: cells A..B as a notebook of their own, for a screenshot."""
import json,sys
nb=json.load(open(sys.argv[1])); nb["cells"]=nb["cells"][int(sys.argv[2]):int(sys.argv[3])+1]
json.dump(nb,open(sys.argv[4],"w"))
