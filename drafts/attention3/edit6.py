import sys, json; sys.path.insert(0,"/root/queue")
from edit_nb import edit
P="/root/drafts/attention3/Attention4.ipynb"
nb=json.load(open(P)); idx=lambda start:[i for i,c in enumerate(nb["cells"]) if "".join(c["source"]).startswith(start)][0]
i=idx("layer = translator.encoder[")
edit(P,[(i,'''layer = translator.encoder[min(1, len(translator.encoder) - 1)]
plot_attention(attention_maps(translator, [layer.attention], src, so_far)[0], seen, seen, "self-attention, encoder layer 2")''','''last = translator.encoder[-1].attention
plot_attention(attention_maps(translator, [last], src, so_far)[0], seen, seen, "the last layer of the encoder")''')])
