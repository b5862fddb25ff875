# idle.sh CMD…: runs a command while the trainings are stopped
P=$(pgrep -f run_nb.py); kill -STOP $P; "$@"; R=$?; kill -CONT $P; exit $R
