"""Note, inside a kernel, which files the code of its cells opens.

A file counts if a cell's code leads to its opening, and not through the import system or the
course's loaders.
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

CELL = re.compile(r"ipykernel_\d+[\\/]")  # in the name of the file that a cell seems to come from
QUIET = (  # modules that open files without being asked to
    "importlib.",
    "inspect.",
    "linecache.",
    "matplotlib.font_manager.",
    "matplotlib.mathtext.",
    "matplotlib.style.",
    "seqlab.",
    "tiktoken.",
    "tokenize.",
)
WRITING = os.O_WRONLY | os.O_RDWR

_read: dict[str, int] = {}  # real paths, and which cell read them first
_written: set[str] = set()
_cells = 0  # of the notebook, how many have begun


def watch() -> None:
    """Note from now on what is opened."""
    if shell := get_ipython():
        shell.events.register("pre_run_cell", _begin)
    sys.addaudithook(_hook)


def _begin(info: Any) -> None:
    """Count the notebook's cells; code that is not the notebook's leaves no history."""
    global _cells
    _cells += bool(info.store_history)


def report() -> None:
    """Print, as JSON, the files that were read and not written before, and the folder's modules.

    ``{"read": {path: number of the cell since the watch began}, "modules": [name of the file]}``
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
    except Exception:  # the cell's own call must not fail for it
        return


def _note(path: Any, mode: str | None, flags: int) -> None:
    if isinstance(path, int) or not _is_the_cells(sys._getframe(2)):
        return
    real = os.path.realpath(os.fsdecode(path))
    if set(mode or "") & set("wxa+") or (mode is None and flags & WRITING):
        _written.add(real)
    elif real not in _written and Path(real).exists():
        _read.setdefault(real, _cells)


def _is_the_cells(frame: FrameType | None) -> bool:
    """Return whether a cell's code called this, and not through code that opens files unasked."""
    for step in _callers(frame):
        if CELL.search(step.f_code.co_filename):
            return True
        module = f"{step.f_globals.get('__name__', '')}."
        if module.startswith(QUIET) or "importlib" in step.f_code.co_filename:
            return False
    return False


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
