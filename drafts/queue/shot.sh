# shot.sh NB OUT: notebook to HTML with mathematics, screenshot
. /root/queue/env.sh; mkdir -p /tmp/html; cd /work/main
python -m nbconvert --to html "$1" --output-dir /tmp/html --output $2.html --HTMLExporter.mathjax_url="file:///root/nbc/./nbclassic/static/components/MathJax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full" 2>&1 | tail -1; cd /tmp/html
nice -n 3 chromium --headless --no-sandbox --disable-gpu --allow-file-access-from-files --virtual-time-budget=25000 --window-size=1000,${3:-26000} --screenshot=/tmp/html/$2.png $2.html 2>/dev/null
python - <<P
from PIL import Image
i=Image.open('/tmp/html/$2.png'); print(i.size)
for k in range(0,(i.height+4199)//4200): i.crop((0,k*4200,1000,min((k+1)*4200,i.height))).save(f'/tmp/html/$2{k}.png')
P
