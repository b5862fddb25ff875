cd /work/colab; S=$(date +%s)
env -u PYTHONPATH -u CHECKPOINT_DIR PATH=/root/venvs/colab/bin:/usr/local/bin:/usr/bin:/bin nice -n 1 /root/venvs/colab/bin/python -m pytest -q -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout=600 tests $(git ls-files '*.ipynb') > /tmp/colabtest.log 2>&1; echo "rc $? seconds $(( $(date +%s)-S ))" >> /tmp/colabtest.log
