until grep -q "ALL DONE\|FAILED" /root/queue/inc-main.log; do sleep 3; done
. /root/queue/env.sh; export OMP_NUM_THREADS=2 MKL_NUM_THREADS=2
cd /work/main && python /root/queue/land_inc.py write && cp /root/drafts/inception2/Inception.ipynb /root/drafts/inception2/README.md architectures/inception/ && rm -f architectures/inception/results/cpu-heads.json
cd /root/queue && python run_nb.py inc-pre.ipynb /work/main/architectures/inception cpu > inc-pre.log 2>&1
cd /work/main && python -m tools keep --scale cpu
date; python -m tools execute architectures/inception/Inception.ipynb --scale cpu; date; echo CHAIN DONE
