"""What a recipe records of its run: figures, time taken, machine, loss curve."""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parent / "records"


def machine() -> dict[str, Any]:
    """Return processor, core count and the versions that can change a result."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    for name in ("numpy", "torch"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            facts[name] = importlib.metadata.version(name)
    return facts


def write(name: str, **facts: Any) -> Path:
    """Write ``records/NAME.json`` and return its path."""
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{name}.json"
    today = datetime.date.today().isoformat()
    text = json.dumps({"recipe": name, "date": today, "machine": machine(), **facts}, indent=1)
    path.write_text(text + "\n")
    return path


def read(name: str) -> dict[str, Any]:
    """Return what ``write`` stored."""
    facts: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text())
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
