#!/bin/bash
# paperq.sh [PID]: (waits for PID, then) one worker of one thread; takes the next job of /root/queue/jobs.txt ("NB FOLDER SCALE" a line)
# that is neither done (NB.done) nor running (NB.lock, with the pid). Two workers fill two cores. Everything resumes from checkpoints.
cd /root/queue; . ./env.sh; export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
[ -n "$1" ] && while kill -0 $1 2>/dev/null; do sleep 5; done
while read -r nb folder scale <&3; do
  [ -e $nb.done ] && continue
  if [ -e $nb.lock ] && kill -0 $(cat $nb.lock) 2>/dev/null; then continue; fi
  rm -f $nb.lock; ( set -C; echo $$ > $nb.lock ) 2>/dev/null || continue
  sleep 0.5; [ "$(cat $nb.lock)" = $$ ] || continue  # another worker was as quick
  nice -n 1 python run_nb.py $nb.ipynb $folder $scale > $nb.log 2>&1 && grep -q "ALL DONE" $nb.log && touch $nb.done
  rm -f $nb.lock
done 3< jobs.txt
