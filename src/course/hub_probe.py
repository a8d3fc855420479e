"""What can be seen from students' environment on a hub: run with its Python, and not imported.

Prints JSON: which packages can be imported there, and what its Jupyter and nbgrader are told. It
must run where nothing of the course is installed.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("autograder", "course", "examples", "hidden_tests", "minikernel", "mistakes")
NEEDED = ("jupyterhub", "nbgrader", "seqlab")
SETTINGS = Path(sys.prefix) / "etc" / "jupyter"


def main() -> None:
    """Print everything as one line of JSON."""
    server, nbgrader = _config("jupyter_server_config.py"), _config("nbgrader_config.py")
    headers = server.get("ServerApp", {}).get("tornado_settings", {}).get("headers", {})
    found = {
        "seen": [name for name in PACKAGES if importlib.util.find_spec(name)],
        "lacking": [name for name in NEEDED if not importlib.util.find_spec(name)],
        "executable": str(Path(sys.executable).resolve()),
        "frames": str(headers.get("Content-Security-Policy", "")),
        "transport": str(server.get("KernelManager", {}).get("transport", "tcp")),
        "exchange": str(nbgrader.get("Exchange", {}).get("root", "")),
        "course": str(nbgrader.get("CourseDirectory", {}).get("course_id", "")),
        "data": os.environ.get("COURSE_DATA", ""),
        "disabled": _disabled(),
    }
    print(json.dumps(found))


def _config(name: str) -> Any:
    """Return what a file of settings sets; nothing where there is none."""
    from traitlets.config.loader import PyFileConfigLoader

    if not (SETTINGS / name).is_file():
        return {}
    return PyFileConfigLoader(name, path=str(SETTINGS)).load_config()


def _disabled() -> list[str]:
    """Return which of JupyterLab's extensions are switched off."""
    path = SETTINGS / "labconfig" / "page_config.json"
    try:
        switches = json.loads(path.read_text("utf-8")).get("disabledExtensions", {})
        return sorted(name for name, is_off in switches.items() if is_off)
    except (OSError, ValueError, AttributeError):
        return []


if __name__ == "__main__":
    main()
