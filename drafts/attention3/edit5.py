import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
import json
P="/root/drafts/attention3/Attention4.ipynb"
nb=json.load(open(P)); idx=lambda start:[i for i,c in enumerate(nb["cells"]) if "".join(c["source"]).startswith(start)][0]
r=idx("**The multiplications roughly"); w=idx("The dogs are right"); t=idx("asked, digits")
edit(P,[
(r,"is a recurrent network *with* attention, as was usual before the paper: two layers of GRUs in the encoder, which reads in both directions, two in the decoder, and the *general* score of Luong et al. (2015), divided by $\\sqrt d$.","is a recurrent network *with* attention, in the spirit of those before the paper. Its attention has the *general* score of Luong et al. (2015), divided by $\\sqrt d$."),
(r,"The rival attends to the source after its last layer only, with one head, and has no residual connections, layer norms or feed-forward networks. To keep it fast","The rival has no residual connections, layer norms or feed-forward networks. To keep it fast"),
(r,"**Equal size means equal in total:** outside the embeddings, the Transformer has 1.33 million parameters and the rival 1.04 million.","They have equally many parameters in total; outside the embeddings, the Transformer has 1.33 million and the rival 1.04."),
(w,"The model always answers, and its answer does not show when it does not know a word.","The model always answers, and the answer alone does not show when it does not know a word. **The score does:** the log-probability, with the length penalty, is −0.88 for the first sentence, and −3.5 and −4.0 for the others."),
(w,"\n5. **Averaging.** Give a new model the mean of the last five epochs' weights, which are in `translator_run.kept`. Does this help when the learning rate ends at zero?",""),
(t,'f"at position {asked}: name the four neighbours"','"at the third digit: name its four neighbours"'),
])
