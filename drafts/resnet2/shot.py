"""shot.py NOTEBOOK OUTPREFIX: HTML with MathJax, screenshot, pieces"""
import sys, subprocess, glob, os
from nbconvert import HTMLExporter
from traitlets.config import Config
import nbformat
src,out=sys.argv[1:3]
c=Config(); c.HTMLExporter.mathjax_url="file:///tmp/nbclassic/nbclassic/static/components/MathJax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe"
html,_=HTMLExporter(config=c).from_notebook_node(nbformat.read(src,4))
import re
html=re.sub(r'<script src="https://[^"]*"></script>','',html)
open(out+'.html','w').write(html)
subprocess.run(["timeout","200","chromium","--headless","--no-sandbox","--disable-gpu","--disable-background-networking","--allow-file-access-from-files","--virtual-time-budget=30000","--window-size=1100,42000",f"--screenshot={out}.png","file://"+out+".html"],stderr=subprocess.DEVNULL)
from PIL import Image
Image.MAX_IMAGE_PIXELS=None
im=Image.open(out+'.png').convert('RGB'); print(im.size)
for f in glob.glob(out+'-*.png'): os.remove(f)
from PIL import ImageChops
bg=Image.new('RGB',im.size,(255,255,255)); box=ImageChops.difference(im,bg).getbbox(); im=im.crop((0,0,im.size[0],box[3]+10)); print(im.size)
for k,y in enumerate(range(0,im.size[1],1900)): im.crop((0,y,im.size[0],min(y+1900,im.size[1]))).save(f'{out}-{k:02d}.png')
