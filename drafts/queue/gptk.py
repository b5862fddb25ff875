import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
edit("/work/main/architectures/gpt/GPT.ipynb",[
(17,"        epochs=35, fewer=9, steps=5, context=256, batch=64, deep=(12, 64), pieces=1024),","        epochs=13, fewer=4, steps=5, context=256, batch=16, deep=(12, 64), pieces=1024),"),
(17,'KNOBS["paper"] = {**KNOBS["gpu"], "epochs": 60, "sizes"','KNOBS["paper"] = {**KNOBS["gpu"], "epochs": 60, "fewer": 15, "batch": 64, "sizes"'),
])
