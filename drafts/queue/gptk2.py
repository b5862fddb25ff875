import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
edit("/work/main/architectures/gpt/GPT.ipynb",[
(17,'"fewer": 15, "batch": 64, "sizes": [','"fewer": 15, "batch": 64,\n                  "sizes": ['),
(67,"16 windows at `cpu`, 64 at `gpu`","16 windows, 64 at scale `paper`"),
])
