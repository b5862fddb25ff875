import nbformat, copy
b=nbformat.read('/root/drafts/vgg2/VGG.ipynb',4); C=b.cells
ix=(1,2,5,11,17,19,21,27,40,41,44,51,53,56,57,59,61)
for i in ix: print(i,C[i].cell_type,'|',C[i].source[:60].replace('\n','/')); assert C[i].cell_type=='code'
A=copy.copy(b); A.cells=[C[i] for i in ix]; nbformat.write(A,'vgg-pre.ipynb')
b=nbformat.read('/root/drafts/alexnet2/AlexNet.ipynb',4); C=b.cells
A=copy.copy(b); A.cells=[copy.deepcopy(C[i]) for i in (1,2,5,9,34,40,43,44,46,47,48)]
A.cells[-1].source='''for lr in RATES["cuda-convnet 2012"]: print(lr, epochs_until(training_errors(race("cuda-convnet 2012", "ReLU", None, lr, SEED))), flush=True)'''
nbformat.write(A,'alex-pilot.ipynb')
A.cells[-1].source='RATES = dict(reversed(RATES.items()))\n'+C[48].source
nbformat.write(A,'alex-race2.ipynb')
print(C[44].source); print(C[43].source); print(C[45].source)
