"""Settings of every Jupyter server on the hub, a student's and staff's formgrader.

`make hub` puts this file into etc/jupyter of both environments, with places.json beside it.
"""

import json
import os
from pathlib import Path

c = get_config()  # noqa: F821  (traitlets puts it there)
places = json.loads(Path(__file__).with_name("places.json").read_text("utf-8"))

# The hub's own setting is 'none': formgrader inside JupyterLab would stay empty, and links within a
# page of feedback, which JupyterLab shows in a frame, would lead nowhere.
c.ServerApp.tornado_settings = {"headers": {"Content-Security-Policy": "frame-ancestors 'self'"}}

# A kernel's outputs go to whoever connects to its port, without a password: no ports, but sockets
# in the user's own home.
c.KernelManager.transport = "ipc"

# Data of both assignments, outside the course. Kernels inherit it.
os.environ.setdefault("COURSE_DATA", places["data"])
