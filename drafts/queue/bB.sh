cd /root/queue
python run_nb.py bert-starts.ipynb /work/main/architectures/bert cpu > bert-starts.log 2>&1
python run_nb.py bert-little.ipynb /work/main/architectures/bert cpu > bert-little.log 2>&1
python run_nb.py bert-random.ipynb /work/main/architectures/bert cpu > bert-random.log 2>&1
