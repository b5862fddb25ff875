while ! grep -qa "ALL DONE\|FAILED" bert-pre-a.log; do sleep 2; done
python run_nb.py bert-pre-c.ipynb /work/main/architectures/bert cpu > bert-pre-c.log 2>&1
