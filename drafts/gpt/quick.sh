. /root/queue/env.sh; export OMP_NUM_THREADS=1
cd /root/drafts/gpt && rm -rf /tmp/ck-gpt && cp GPT.ipynb /tmp/GPT-quick.ipynb && rm -f /tmp/GPT-quick.ipynb.out
CHECKPOINT_DIR=/tmp/ck-gpt time /root/venvs/main/bin/python /root/queue/run_nb.py /tmp/GPT-quick.ipynb /work/main/architectures/gpt quick
