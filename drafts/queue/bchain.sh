#!/bin/bash
# after gru0: the toys, then gru1, gru2
cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f "run_nb.py gru0.ipynb" >/dev/null; do sleep 5; done
tail -1 gru0.log | grep -q "ALL DONE" || { echo gru0 failed; exit 1; }
for x in toys gru1 gru2; do nice -n 1 python run_nb.py $x.ipynb /work/main/attention cpu > $x.log 2>&1; done
