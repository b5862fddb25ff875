until grep -q "ALL DONE\|FAILED" /root/queue/alex-main.log; do sleep 3; done
. /root/queue/env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
cd /root/queue
python run_nb.py alex-pilot.ipynb /work/main/architectures/alexnet cpu > alex-pilot.log 2>&1
python run_nb.py alex-race.ipynb /work/main/architectures/alexnet cpu > alex-race.log 2>&1
date; echo CHAIN DONE
