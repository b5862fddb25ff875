. /root/queue/env.sh; export OMP_NUM_THREADS=1
cd /root/drafts/yolo && rm -rf /tmp/ck-yolo && cp YOLO.ipynb /tmp/YOLO-quick.ipynb && rm -f /tmp/YOLO-quick.ipynb.out
CHECKPOINT_DIR=/tmp/ck-yolo time heavy /root/venvs/main/bin/python /root/queue/run_nb.py /tmp/YOLO-quick.ipynb /work/main/architectures/yolo quick
