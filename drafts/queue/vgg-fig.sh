until grep -q "ALL DONE\|FAILED" /root/queue/alex-race2.log /root/queue/alex-race.log; do sleep 1; done
. /root/queue/env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
cd /work/main; date; python /root/queue/partial.py /tmp/VGG.run.ipynb architectures/vgg /tmp/VGG.part.ipynb 1-2,5,11,17,19,21,27,30,36-37,40-41,44,51,53-54; date; echo FIG DONE
