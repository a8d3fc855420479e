"""Notes, inside a kernel, which files the code of its cells opens.

A file counts where a cell's own code is on the way to it and neither the import system nor the
course's loaders are. This module does not know which files are allowed.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from IPython.core.getipython import get_ipython

CELL = re.compile(r"ipykernel_\d+[\\/]")  # the file that a cell's code pretends to come from
QUIET = (
    "importlib",
    "seqlab",
    "matplotlib.font_manager",
    "matplotlib.style",
    "matplotlib.mathtext",
    "linecache",
    "tokenize",
    "inspect",
    "tiktoken",
)
WRITING = os.O_WRONLY | os.O_RDWR

_read: dict[str, int] = {}  # paths as they are on the disk, and which cell read them first
_written: set[str] = set()
_cells = 0  # of the notebook that have begun


def watch() -> None:
    """Note from now on what is opened."""
    if shell := get_ipython():
        shell.events.register("pre_run_cell", _begin)
    sys.addaudithook(_hook)


def _begin(info: Any) -> None:
    """Count the notebook's cells; code that leaves no history is not the notebook's."""
    global _cells
    _cells += bool(info.store_history)


def report() -> None:
    """Print, as JSON, what was read and not written before, and the modules of this folder.

    ``{"read": {path: which cell since the watch began}, "modules": [name of the file]}``
    """
    here = os.path.realpath(".") + os.sep
    loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    own = sorted(
        {path[len(here) :] for path in map(os.path.realpath, loaded) if path.startswith(here)}
    )
    print(json.dumps({"read": _read, "modules": own}))


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open":
        return
    try:
        _note(*arguments)
    except Exception:  # whatever it is, the cell's own call must not fail for it
        return


def _note(path: Any, mode: str | None, flags: int) -> None:
    if isinstance(path, int) or not _is_the_cells(sys._getframe(2)):
        return
    found = os.path.realpath(os.fsdecode(path))
    if set(mode or "") & set("wxa+") or (mode is None and flags & WRITING):
        _written.add(found)
    elif found not in _written and Path(found).exists():
        _read.setdefault(found, _cells)


def _is_the_cells(frame: FrameType | None) -> bool:
    """Return whether the way from a cell to here leads through nobody who opens files unasked."""
    for step in _way(frame):
        if CELL.search(step.f_code.co_filename):
            return True
        name = step.f_globals.get("__name__", "")
        if name.startswith(QUIET) or "importlib" in step.f_code.co_filename:
            return False
    return False


def _way(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
