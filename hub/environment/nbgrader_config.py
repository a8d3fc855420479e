"""Where nbgrader finds the exchange; `make hub` puts this beside jupyter_server_config.py."""

import json
from pathlib import Path

c = get_config()  # noqa: F821  (nbgrader puts it there)
places = json.loads(Path(__file__).with_name("places.json").read_text("utf-8"))

c.CourseDirectory.course_id = places["course"]
c.Exchange.root = places["exchange"]
