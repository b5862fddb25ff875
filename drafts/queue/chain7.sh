#!/bin/bash
# chain7.sh PID NB FOLDER SCALE: waits for PID, then runs NB at one thread
cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while kill -0 $1 2>/dev/null; do sleep 5; done
nice -n 1 python run_nb.py $2.ipynb $3 $4 > $2.log 2>&1
