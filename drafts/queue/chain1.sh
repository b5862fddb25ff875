cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
nice -n 1 python run_nb.py eff-main.ipynb /work/main/architectures/efficientnet cpu > eff-main3.log 2>&1
nice -n 1 python run_nb.py resnetuse.ipynb /work/main/architectures/resnet cpu > resnetuse.log 2>&1
