import sys; sys.path.insert(0,"/root/queue")
from addcell import add
SRC='''known = torch.cat([pixels for pixels, _ in DigitLoader(data, "train", 1000, device)])  # each digit binarised once
independent = distributions.Bernoulli((known.sum(0) + 1) / (len(known) + 2))  # each pixel by its frequency
directions = F.normalize(known)

def nearest(images):
    """The cosine of each image with the training image that is most like it, (N, 784) -> (N,)."""
    return torch.cat([(F.normalize(part) @ directions.T).amax(dim=1) for part in images.split(100)])

print(f"−log p(x) of a test image with independent pixels: {-independent.log_prob(binary).sum(1).mean():.1f} nats")
alike = {label: nearest(images) for label, images in groups.items()}
alone = {label: independent.log_prob(images).sum(1) for label, images in groups.items()}
print("AUROC             nearest training digit   independent pixels")
for label in groups:
    print(f"{label:16} {auroc(alike['test digits'], alike[label]):18.3f}",
          f"{auroc(alone['test digits'], alone[label]):22.3f}")'''
if __name__=="__main__":
    s=sys.argv[1]; import json
    nb=json.load(open("/work/main/architectures/vae/VAE.ipynb")); C=nb["cells"]
    src=["".join(c["source"]) for c in C]
    for i,c in enumerate(C):
        if c["cell_type"]=="code" and ("class DigitLoader" in src[i] or " labels =" in src[i] or "labels, " in src[i] or "knobs =" in src[i] or "\nlabels" in src[i]): print(i,src[i][:300].replace("\n"," | "))
    if s=="look": sys.exit()
    add("/work/main/architectures/vae/VAE.ipynb",60,SRC,[1,2,5,35,58,59],
        patches={35:lambda t: '''binary = torch.cat([pixels for pixels, _ in DigitLoader(data, "test", 1000, device)])\nlabels = data.test.labels.to(device)''',
                 59:lambda t: t.split("scores, likelihoods")[0]},scale=s)
