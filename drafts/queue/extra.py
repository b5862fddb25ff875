depth, width, resolution = compound_scaling(phi)
build = partial(EfficientNet, num_classes=10, width=width, depth=depth, **BASE)
pixels = round(20 * resolution)
(row,) = [r for r in json.loads((root / "architectures/efficientnet/results/cpu.json").read_text())["rows"] if "base scaled together" in r["what"]]
accuracy = row["ours"][0]
assert epochs == max(row["epochs"])
