cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f "run_nb.py gpt-main" >/dev/null; do sleep 5; done
nice -n 1 python run_nb.py eff-main.ipynb /work/main/architectures/efficientnet cpu > eff-main2.log 2>&1
