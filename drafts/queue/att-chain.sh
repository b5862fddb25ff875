#!/bin/bash
# att-chain.sh A|B: the attention trainings, one after the other; resumes from checkpoints
cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
case $1 in A) L="tra0 tra1 tra2";; B) L="gru0 gru1 gru2";; esac
for x in $L; do nice -n 1 python run_nb.py $x.ipynb /work/main/attention cpu > $x.log 2>&1; done
