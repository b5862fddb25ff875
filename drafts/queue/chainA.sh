cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f vit-main.ipynb >/dev/null; do sleep 2; done
nice -n 2 python run_nb.py lenet-all.ipynb /work/main/architectures/lenet cpu > lenet-all.log 2>&1
