while ! grep -qa "^rc " /tmp/ci.log; do sleep 2; done
pkill -f "run_nb.py /root/drafts/vgg2"
for w in pre random; do (nice -n 1 python run_nb.py bert-k-$w.ipynb /work/main/architectures/bert cpu > bert-k-$w.log 2>&1 &) ; done
