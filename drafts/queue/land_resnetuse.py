"""Everything that lands with the second edition of ResNet in use but the notebook and README themselves."""
import subprocess
R='/work/main/'
def sub(path, old, new, n=1):
    s=open(R+path).read(); assert old in s, (path, old[:60]); open(R+path,'w').write(s.replace(old,new,n))
sub('docs/site/reading.toml','"ResNet in use: Hooks: looking in"','"ResNet in use: How fine-tuning works"')
sub('docs/site/reading.toml','"ResNet in use: Grad-CAM: what an answer rests on"','"ResNet in use: Where does it look? Grad-CAM"')
sub('docs/site/reading.toml','"ResNet in use: Transfer: another task, few labels"','"ResNet in use: Fine-tune it to a new task"')
sub('docs/site/reading.toml','features, fine-tuning and Grad-CAM with a trained network','load a trained network, fine-tune it, find similar images, and see where it looks')
subprocess.run(['git','rm','-q','architectures/resnet/results/cpu-imagenet.json'],cwd=R,check=True)
