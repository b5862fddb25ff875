import sys, json; sys.path.insert(0, "/root/queue")
from edit_nb import edit
edit("/work/main/attention/Attention.ipynb", [
 (105, "**They do not predict which of two layers is faster:**", "**They do not predict by how much one layer is faster than another:**"),
 (105, "and if the lead does not depend on a few sentences.", "and if the lead does not depend on the choice of the test sentences."),
 (110, "so a few other sentences could erase the lead.", "so on another test set of this size the lead could vanish."),
 (110, "and the worst Transformer (40.36) is behind every rival.", "and while two Transformers (41.52 and 41.11) are ahead of every rival, the third (40.36) is behind all of them."),
 (110, "whether it is ahead, three seeds cannot tell.", "whether it is ahead, these 1,000 test sentences cannot tell."),
 (112, "(A single attention layer was faster than a GRU above, but", "(At the length of such sentences, a single attention layer was faster than a GRU above, but"),
 (136, "and a training as long as the main one. Run the cells", "`seeds=[0]`, and a training as long as the main one. Run the cells"),
])
