import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
edit("/work/main/architectures/bert/BERT.ipynb", [
(69, "head 2 at the next word, head 3 at the word before.", "head 2 at the next word, head 3 at the word before. In layer 2, heads 1 and 2 do so, and head 0 of [MASK] looks mainly at *falls*, the word that makes *love* likely.")])
