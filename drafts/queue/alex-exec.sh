until grep -q "ALL DONE\|FAILED" /root/queue/alex-race.log; do sleep 1; done
pkill -f alex-race2
. /root/queue/env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
cd /work/main; date; python -m tools execute architectures/alexnet/AlexNet.ipynb --scale cpu; date; echo EXEC DONE
