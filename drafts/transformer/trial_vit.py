"""One short training of the main ViT through fit, compiled, on real data: does everything work, and how long does it take?"""
import os, sys, time
os.environ.update(RUN_SCALE="cpu", CHECKPOINT_DIR="/tmp/ck-vit-trial")
sys.path.insert(0, "/work/main")
from dataclasses import replace
import torch; torch.set_num_threads(1)
from torch.nn import functional as F
from architectures.transformer.augment import StrongLoader
from architectures.transformer.vit import vit_small
from utils.images import Split, load_cifar10
from utils.loader import ImageLoader
from utils.training import fit
data = load_cifar10()
part = replace(data, train=Split(*(v[:26_880] for v in data.train)), val=Split(*(v[:2000] for v in data.val)))
torch.manual_seed(0)
model = vit_small(overlap=2, fused=False)
loader = StrongLoader(part, "train", 128, "cpu", share=0.4, hole=8, shuffle=True, augment=True, seed=0)
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-3, total_steps=len(loader), pct_start=0.1, cycle_momentum=False)
def smoothed(model, images, labels):
    logits = model(images)
    return F.cross_entropy(logits, labels, label_smoothing=0.1 if torch.is_grad_enabled() else 0.0), len(labels), {"accuracy": (logits.argmax(1) == labels).sum()}
t = time.process_time()
run = fit(model, loader, opt, sched, 1, "cpu", {"val": ImageLoader(part, "val", 500, "cpu")}, smoothed, clip=1.0, compile=True)
print(run.history, time.process_time() - t, "s of CPU time", flush=True)
