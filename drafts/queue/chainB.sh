cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
while pgrep -f yolo-main.ipynb >/dev/null; do sleep 2; done
nice -n 1 python run_nb.py yolo-abl.ipynb /work/main/architectures/yolo cpu > yolo-abl.log 2>&1
nice -n 1 python run_nb.py vit-rest.ipynb /work/main/architectures/transformer cpu > vit-rest.log 2>&1
