import json
depth, width, resolution = compound_scaling(phi)
build = partial(EfficientNet, num_classes=10, width=width, depth=depth, **BASE)
pixels = round(20 * resolution)
(row,) = json.loads((root / "architectures/efficientnet/results/cpu.json").read_text())["rows"]
accuracy = row["ours"][0]
assert epochs == max(row["epochs"])
