while ! grep -qa "ALL DONE\|FAILED" bert-random.log || pgrep -f "run_nb.py bert-random" >/dev/null; do sleep 3; done
while ! grep -qa "ALL DONE" bert-main.log; do sleep 3; done
python run_nb.py bert-pre-b.ipynb /work/main/architectures/bert cpu > bert-pre-b.log 2>&1
