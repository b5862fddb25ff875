P=$(pgrep -f run_nb.py); kill -STOP $P
rm -rf /work/ci; git clone -q /work/main /work/ci; cd /work/ci; S=$(date +%s)
env -u PYTHONPATH -u CHECKPOINT_DIR -u OMP_NUM_THREADS -u MKL_NUM_THREADS PATH=/root/.pyenv/shims:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin bash .ci/run > /tmp/ci.log 2>&1; echo "rc $? seconds $(( $(date +%s)-S ))" >> /tmp/ci.log
kill -CONT $P; cd /; rm -rf /work/ci
