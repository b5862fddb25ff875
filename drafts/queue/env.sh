export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=64000000 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
export PYTHONPATH=/work/main CHECKPOINT_DIR=/work/main/checkpoints
export PATH=/root/venvs/main/bin:$PATH
