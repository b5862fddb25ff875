date +%H:%M:%S
for f in "$@"; do echo "$f: $(tr '\r' '\n' < /root/queue/$f.log | grep -o 'epoch [0-9]*/[0-9]*:.*it/s' | tail -1 | cut -c1-90) | $(tr '\r' '\n' < /root/queue/$f.log | grep -v 'it/s' | tail -2 | cut -c1-110 | tr '\n' ';')"; done
