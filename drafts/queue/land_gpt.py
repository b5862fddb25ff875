"""Everything that lands with the GPT notebook but the notebook and README themselves."""
R='/work/main/'
def sub(path, old, new, n=1):
    s=open(R+path).read(); assert old in s, (path, old[:60]); open(R+path,'w').write(s.replace(old,new,n))
sub('tools/weights.py','    "YOLO/yolo-weights.pt"','    "GPT/gpt-weights.pt": "architectures/gpt/weights/gpt_shakespeare.pt",\n    "YOLO/yolo-weights.pt"')
sub('architectures/gpt/gpt.py','a small trained GPT; its weights are not in the repository yet','a small GPT trained on tiny Shakespeare, from weights/')
sub('architectures/gpt/gpt.py','Raises FileNotFoundError where the repository does not hold it.','Raises FileNotFoundError where the\n    file weights/gpt_shakespeare.pt is missing.')
sub('tests/test_checklist.py',', "gpt")',')')
s=open(R+'architectures/README.md').read()
row=[l for l in s.splitlines() if l.startswith('| [GPT](gpt/gpt.py)')][0]
badge='[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/gpt/GPT.ipynb)'
new='| [GPT](gpt/README.md) | Radford et al. 2018, 2019 | predict the next token, and write by it | GPT-2 small: 124,439,808 | tiny Shakespeare, 4.8 million parameters, 20 epochs: <!-- result: gpt GPT, 4,821,248 parameters -->?<!-- end of result --> nats per character | '+badge+' |'
s=s.replace(row,new); open(R+'architectures/README.md','w').write(s)
s=open(R+'README.md').read()
last=[l for l in s.splitlines() if l.startswith('| [Vision Transformer]')][0]
f='architectures/gpt'
new=f'| [GPT]({f}/README.md) | [Radford et al. 2018](https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf), [2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf) | tiny Shakespeare, characters: <!-- result: {f} GPT, 4,821,248 parameters -->?<!-- end of result --> nats, validation | <!-- training: {f} -->?<!-- end of training --> | {badge} |'
s=s.replace(last,last+'\n'+new)
s=s.replace('EfficientNet, BERT and GPT are there with their tests','EfficientNet and BERT are there with their tests')
s=s.replace('architectures/alexnet/AlexNet.ipynb architectures/inception','architectures/alexnet/AlexNet.ipynb architectures/gpt/GPT.ipynb architectures/inception')
open(R+'README.md','w').write(s)
