"""Numeric libraries start threads when they are loaded, which a template must not have and a snippet may not start."""

# For the environment of both. OpenBLAS ends the process if it cannot start its threads.
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
