cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
nice -n 1 python run_nb.py eff-rest.ipynb /work/main/architectures/efficientnet cpu > eff-rest2.log 2>&1
