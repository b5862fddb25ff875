import sys; sys.path.insert(0,"/root/queue")
import json, addcell
A="/work/main/architectures/"
P=A+"alexnet/AlexNet.ipynb"
NEW='''def edge_features(split):
    """(N, 1569): edge histograms, 1,000 images at a time, and a constant; and one-hot labels (N, 10)."""
    histograms = torch.cat([edge_histograms(part) for part in split.images.split(1000)])
    return F.pad(histograms, (0, 1), value=1.0), F.one_hot(split.labels, 10).float()

(known, targets), *others = (edge_features(split) for split in (data.train, data.val, data.test, queries))
products, answers = known.T @ known, known.T @ targets
fits = {penalty: torch.linalg.solve(products + penalty * torch.eye(len(products)), answers)
        for penalty in (0.1, 1.0, 10.0, 100.0)}
rates = {penalty: [((x @ fit).argmax(dim=1) == y.argmax(dim=1)).float().mean().item() for x, y in others]
         for penalty, fit in fits.items()}
best = max(rates, key=lambda penalty: rates[penalty][0])  # on the validation images
print(f"linear classifier on edge histograms, {len(known):,} training images, penalty {best}: {rates[best][1]:.1%} of the",
      f"test images\\nare right, {rates[best][2]:.1%} of the {len(queries.labels):,} above")'''.replace("answers","aims")
if __name__=="__main__":
    scale=sys.argv[1]
    C=json.load(open(P))["cells"]; assert "def edge_histograms" in "".join(C[60]["source"])
    addcell.add(P,60,NEW,[1,2,5,58,60],patches={58:lambda t: t[t.index("database ="):t.index("vectors =")]},scale=scale)
