import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
A = "/work/main/architectures/"
edit(A + "bert/BERT.ipynb", [
(59, "From random weights it stays at chance with 50, 200 and 1,400 labels (49 to 51 %), although it mostly fits its training sentences (the \"training accuracy of all steps\" is the mean over the whole fine-tuning).",
     "From random weights it stays at chance with 50, 200 and 1,400 labels (49 to 51 %), at every learning rate (at most 51.0 % in validation, so the choice between them is arbitrary). Yet it mostly fits its training sentences, except for one seed with 1,400 labels (52 %; this \"training accuracy of all steps\" is the mean over the whole fine-tuning)."),
(46, "On the test documents it has", "(The table counts the epochs and minutes of stage 2 alone.) On the test documents it has"),
])
