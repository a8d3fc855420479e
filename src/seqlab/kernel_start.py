"""Start a kernel in a copy of a notebook's folder, without waiting for it.

It takes a second until a kernel answers, and another one to import what reads and runs notebooks:
whoever starts the kernel first waits for one of them only. So this module imports little.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

import seqlab
from seqlab import data_files
from seqlab.errors import DataError

CHECKING, BUNDLING = 180.0, 600.0  # seconds that a cell may take
TURN_IN = "turn-in"  # the folder that a bundle makes
BIGGEST = 20_000_000  # bytes of a file that is copied
MOST = 300  # files
NOT_COPIED = ("data", "seqlab", TURN_IN, "__pycache__")
VENV = "pyvenv.cfg"  # marks a folder of installed packages
# A check leaves nothing in IPython's history, and warnings of the kernel itself are not shown.
KERNEL = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=50"]


@dataclass(frozen=True)
class StartedKernel:
    """A kernel that may not answer yet, and the folder that it works in."""

    folder: Path
    manager: AsyncKernelManager


@contextmanager
def started(folder: Path) -> Iterator[StartedKernel]:
    """Yield a kernel that works in a copy of a folder, and end it afterwards.

    Raises:
        DataError: no kernel can be started.
    """
    with apart(folder) as copy:
        manager = AsyncKernelManager(kernel_name="python3")
        options = {"env": environment(folder), "cwd": str(copy), "stderr": subprocess.DEVNULL}
        with reported():
            run_sync(manager.start_kernel)(extra_arguments=KERNEL, **options)
        try:
            yield StartedKernel(copy, manager)
        finally:
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)


@contextmanager
def reported() -> Iterator[None]:
    """Turn whatever keeps a kernel from starting into an error that says what to do."""
    try:
        yield
    except Exception as error:
        raise DataError(
            f"no kernel starts ({error}): install the requirements with the Python you use here"
        ) from None


@contextmanager
def apart(folder: Path) -> Iterator[Path]:
    """Yield a copy of a folder without hidden or big files, the course's, and environments."""
    with tempfile.TemporaryDirectory(prefix="seqlab-", ignore_cleanup_errors=True) as scratch:
        copy = Path(os.path.realpath(scratch))
        for path in islice(_own(folder), MOST):
            target = copy / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # it cannot be read
                shutil.copyfile(path, target)
        yield copy


def _own(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that a notebook there may want to read."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in sorted(folders)
            if name not in NOT_COPIED and name[0] != "." and not (here / name / VENV).exists()
        ]
        for path in (here / name for name in sorted(names) if name[0] != "."):
            if path.is_file() and path.stat().st_size <= BIGGEST:
                yield path


def environment(folder: Path) -> dict[str, str]:
    """Return this process's environment, with seqlab on the path and the data of a folder."""
    home = str(Path(seqlab.__file__).resolve().parents[1])
    path = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), home]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    with chdir(folder), suppress(DataError):
        variables["COURSE_DATA"] = str(data_files.data_dir().resolve())
    return variables
