cd /work/colab; S=$(date +%s)
env -u PYTHONPATH -u CHECKPOINT_DIR PATH=/root/venvs/old/bin:/usr/local/bin:/usr/bin:/bin nice -n 3 /root/venvs/old/bin/python -m pytest -q -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout=900 tests $(git ls-files '*.ipynb') > /tmp/oldtest.log 2>&1; echo "rc $? seconds $(( $(date +%s)-S ))" >> /tmp/oldtest.log
