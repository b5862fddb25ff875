cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f "run_nb.py eff-main" >/dev/null; do sleep 5; done
nice -n 1 python run_nb.py resnetuse.ipynb /work/main/architectures/resnet cpu > resnetuse.log 2>&1
