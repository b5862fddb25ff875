while ! grep -qa "ALL DONE\|FAILED" bert-main.log; do sleep 3; done
grep -qa "ALL DONE" bert-main.log && python run_nb.py bert-pre-a.ipynb /work/main/architectures/bert cpu > bert-pre-a.log 2>&1
