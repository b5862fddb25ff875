until grep -q "ALL DONE\|FAILED" /root/queue/vgg-main.log; do sleep 3; done
. /root/queue/env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
cd /work/main && python /root/queue/land_vgg.py write && rm -f architectures/vgg/results/*.json
cd /root/queue && python run_nb.py vgg-pre.ipynb /work/main/architectures/vgg cpu > vgg-pre.log 2>&1
cd /work/main && python -m tools keep --scale cpu
date; python -m tools execute architectures/vgg/VGG.ipynb --scale cpu; date; echo CHAIN DONE
