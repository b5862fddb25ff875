. /root/queue/env.sh; export OMP_NUM_THREADS=1
heavy /root/venvs/main/bin/python "$@"
