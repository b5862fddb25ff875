import sys; sys.path.insert(0,"/root/queue")
from addcell import add
SRC='''SHARPNESS, PENALTIES = (1, 2, 4, 8), (1e-4, 1e-3, 1e-2)

def unit_pixels(split, chosen=slice(None)):
    part = getattr(data, split)
    return F.normalize(part.images[chosen].flatten(1).float()), part.labels[chosen]

def kernel_ridge(images, seed):
    """Test error (%) of the setting with the lowest validation error, and that setting: (sharpness, penalty)."""
    order = torch.randperm(len(data.train.labels), generator=torch.Generator().manual_seed(seed))
    x, labels = unit_pixels("train", order[:images])  # the images of `train`
    others = {part: unit_pixels(part) for part in ("val", "test")}
    targets, found = F.one_hot(labels, 10).float(), []
    for sharpness in SHARPNESS:
        likeness = {part: (sharpness * (other @ x.T - 1)).exp() for part, (other, _) in others.items()}
        own = (sharpness * (x @ x.T - 1)).exp()  # (images, images), 1 for equal images
        for penalty in PENALTIES:
            weights = torch.linalg.solve(own + penalty * torch.eye(len(x)), targets)  # (images, 10)
            wrong = {part: 100 * ((likeness[part] @ weights).argmax(dim=1) != others[part][1]).float().mean().item()
                     for part in others}
            found.append((wrong["val"], wrong["test"], (sharpness, penalty)))
    return min(found)[1:]

for images in settings["sizes"]:
    fits = [kernel_ridge(images, seed) for seed in settings["seeds"]]
    print(f"kernel ridge regression, {images:,} images, test errors:", *(f"{error:.2f} %" for error, _ in fits),
          "  (sharpness, penalty):", *(chosen for _, chosen in fits))'''
if __name__=="__main__":
    add("/work/main/architectures/lenet/LeNet.ipynb",42,SRC,[1,2,5],
        patches={5:lambda s: s+'\nsettings=dict(sizes=(550,5500) if scale!="quick" else (50,200), seeds=(0,1,2) if scale!="quick" else (0,))'},scale=sys.argv[1])
