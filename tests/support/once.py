"""What takes long to make is made once for a whole run of pytest, however many workers it has."""

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import pytest
from filelock import FileLock

_shared: Path | None = None


def use(factory: pytest.TempPathFactory) -> None:
    """Share what is made in this run: with xdist, each worker has a folder below one of the run."""
    global _shared
    own = factory.getbasetemp()
    _shared = own.parent if own.name.startswith("popen-") else own


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that nobody may change; ``make`` fills it if no worker has done so yet.

    Args:
        name: of the folder, one for all workers
        make: makes the folder, and is not asked again once it has returned
    """
    folder = (_shared or Path(mkdtemp(prefix="once-"))) / f"once-{name}"
    with FileLock(folder.with_suffix(".lock")):
        done = folder.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker that was interrupted
            make(folder)
            done.touch()
    return folder
