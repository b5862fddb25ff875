"""What every notebook of this collection shares: devices, data, the training loop, checkpoints, plots, result tables.

device       which chip, which precision, which scale of run, seeds
files        the data folder, checked downloads, files written whole, .safetensors
images       data sets of images in memory, a reader's own image file
shapes       small drawn images of ten classes, for runs without a network
tokens       text as tokens: words, byte pairs, padding
loader       what `fit` asks of a loader; ImageLoader
training     train_one_epoch, evaluate, fit
progress     what a training prints
checkpoint   files of weights and of training state
fingerprint  what a run is recognised by
distributed  several processes at one training
memory       activation checkpointing
plotting     histories, image grids, confusion matrix, most confident mistakes
diagram      a network drawn from its outputs, a block as boxes and arrows
report       the table paper · well-known reproduction · ours, and its JSON
"""
