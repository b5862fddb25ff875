"""What every notebook of this collection shares: devices, data, the training loop, checkpoints, plots, result tables.

device       which chip, which precision, which scale of run, seeds
data         data sets on disk and in memory, downloads, ImageLoader
shapes       small drawn images of ten classes, for runs without a network
training     train_one_epoch, evaluate, fit
progress     what a training prints
checkpoint   files of weights and of training state
fingerprint  what a run is recognised by
plotting     histories, image grids, confusion matrix, worst mistakes
report       the table paper · well-known reproduction · ours, and its JSON
"""
