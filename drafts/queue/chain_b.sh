cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f "run_nb.py gpt-a" >/dev/null; do sleep 5; done
#nice -n 1 python run_nb.py gpt-b.ipynb /work/main/architectures/gpt cpu > gpt-b.log 2>&1
nice -n 1 python run_nb.py eff-rest.ipynb /work/main/architectures/efficientnet cpu > eff-rest.log 2>&1
