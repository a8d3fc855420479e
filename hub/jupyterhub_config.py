"""The hub's settings: JupyterHub reads this file as root. docs/hub.md explains each of them.

`make hub` starts it with two variables: COURSE_HUB is the hub's settings.toml, COURSE_HUB_PORTS
the ports of the loopback that were free.
"""

import hmac
import json
import os
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator
from tornado.escape import url_escape
from tornado.web import RequestHandler

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from hub.settings import HubSettings

c = get_config()  # noqa: F821  (JupyterHub puts it there)
settings = HubSettings.read(Path(os.environ["COURSE_HUB"]))
hub_port, proxy_port, formgrader_port = json.loads(os.environ["COURSE_HUB_PORTS"])
SAME_ORIGIN = {"headers": {"Content-Security-Policy": "frame-ancestors 'self'"}}

# Everything listens on the loopback alone: one port for people, and three between the parts.
c.JupyterHub.bind_url = f"http://127.0.0.1:{settings.port}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy_port}"
proxy = settings.folder / "proxy" / "node_modules" / ".bin" / "configurable-http-proxy"
c.ConfigurableHTTPProxy.command = [str(proxy)]
c.JupyterHub.db_url = f"sqlite:///{settings.state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(settings.state / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(settings.state / "proxy.pid")

# The hub's own is 'none', which empties formgrader inside JupyterLab.
c.JupyterHub.tornado_settings = SAME_ORIGIN


class PrintedPasswords(Authenticator):
    """Lets in whoever has a password that `make hub` printed.

    On a real machine, take your university's login or PAM: c.JupyterHub.authenticator_class.
    """

    async def authenticate(self, handler, data):
        """Return the name of whoever has this password, or None."""
        passwords = json.loads((settings.state / "passwords.json").read_text("utf-8"))
        name, given = data["username"], data["password"].encode()
        known = passwords.get(name, "").encode()
        return name if known and hmac.compare_digest(given, known) else None


c.JupyterHub.authenticator_class = PrintedPasswords
c.Authenticator.allowed_users = set(settings.people)

# Everybody's own server has the students' environment, staff's too: they see what students see.
students = settings.environment("students")
c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.cmd = [str(students / "bin" / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
c.Spawner.env_keep = ["LANG", "LC_ALL", "TZ"]
c.Spawner.environment = {
    "PATH": f"{students}/bin:/usr/local/bin:/usr/bin:/bin",
    # Short, since a kernel's sockets lie there, and Linux takes 107 characters.
    "JUPYTER_RUNTIME_DIR": lambda spawner: str(settings.home(spawner.user.name) / ".run"),
}
c.Spawner.start_timeout = c.Spawner.http_timeout = 300

# Formgrader is a service of the hub: one server in the course's folder, which runs as the grader
# with staff's environment, and lets in nobody but staff. Its own pages know who asks, so that
# `course audit` names whoever gave a mark.
staff = settings.environment("staff")
grader_home = settings.home(settings.grader)
c.JupyterHub.services = [
    {
        "name": "formgrader",
        "url": f"http://127.0.0.1:{formgrader_port}",
        "command": [
            str(staff / "bin" / "jupyterhub-singleuser"),
            f"--ServerApp.root_dir={settings.course_folder}",
            "--ServerApp.default_url=/formgrader",
        ],
        "user": settings.grader,
        "cwd": str(settings.course_folder),
        "oauth_no_confirm": True,
        "environment": {
            "HOME": str(grader_home),
            "USER": settings.grader,
            "SHELL": "/bin/bash",
            "PATH": f"{staff}/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "JUPYTER_RUNTIME_DIR": str(grader_home / ".run"),
        },
    }
]
c.JupyterHub.load_groups = {"staff": {"users": list(settings.staff)}}
c.JupyterHub.load_roles = [
    {
        "name": "staff",
        "groups": ["staff"],
        "scopes": [
            "access:services!service=formgrader",
            "list:services",
            "read:services!service=formgrader",
        ],
    }
]


class CourseFolder(RequestHandler):
    """In a tab of its own, formgrader links to /tree/source/…, which is elsewhere on a hub."""

    def get(self, path):
        """Lead there."""
        self.redirect(f"/services/formgrader/lab/tree/{url_escape(path, plus=False)}")


c.JupyterHub.extra_handlers = [(r"/tree/(.*)", CourseFolder)]

# Ctrl-C ends everybody's servers and the proxy with the hub.
c.JupyterHub.cleanup_servers = c.JupyterHub.cleanup_proxy = True
