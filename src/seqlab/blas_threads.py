"""One thread for matrix products, unless somebody has chosen another number.

The notebooks multiply small matrices, thousands of times. Two threads spend more time waiting for
each other than multiplying: beside other work on a machine with two cores, 40 tokens took 10 s
with two threads and 2 s with one, and five times the processor time. Whoever runs the larger GPT-2
models on a quiet machine sets OPENBLAS_NUM_THREADS before starting Jupyter.
"""

import os

CHOSEN_BY = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def use_one() -> None:
    """Let BLAS use one thread in this process, unless the environment says how many."""
    if not any(os.environ.get(name) for name in CHOSEN_BY):
        # Kernels of grading choose by environment, and are spared this import.
        from threadpoolctl import threadpool_limits

        threadpool_limits(1, "blas")
