cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
for n in bert-abl2; do nice -n 1 python run_nb.py $n.ipynb /work/main/architectures/bert cpu > $n.log 2>&1; done
