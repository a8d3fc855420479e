"""How many threads multiply matrices: one, or what the environment says."""

import os
import subprocess
import sys

import pytest

from seqlab.blas_threads import CHOSEN_BY

COUNT = (
    "import numpy, threadpoolctl{imported}\n"
    "print(max([p['num_threads'] for p in threadpoolctl.threadpool_info()"
    " if p['user_api'] == 'blas'], default=0))"
)


def threads(imported, **chosen):
    """Return the threads of BLAS in a new process, after an import."""
    environment = {key: value for key, value in os.environ.items() if key not in CHOSEN_BY}
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(imported=imported)],
        env=environment | chosen,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return int(done.stdout)


def test_a_notebook_multiplies_with_one_thread():
    if not threads(""):
        pytest.skip("numpy's BLAS cannot be told, as on macOS")
    assert threads(", seqlab") == 1


@pytest.mark.parametrize("variable", ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_a_number_that_somebody_chose_is_kept(variable):
    assert threads(", seqlab", **{variable: "2"}) == threads("", **{variable: "2"})
