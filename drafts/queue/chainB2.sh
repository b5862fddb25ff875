cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f vit-rest.ipynb >/dev/null; do sleep 2; done
nice -n 2 python run_nb.py gpt-main.ipynb /work/main/architectures/gpt cpu > gpt-main.log 2>&1
