"""Gradescope's folders and, as far as this machine allows, its container, to try autograders in."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.execution.sandbox import python_folders
from minikernel import syscalls

# What Docker lets root keep; without SYS_ADMIN, and with the calls below refused, bubblewrap
# cannot make a sandbox in there.
CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
)


@dataclass
class Autograder:
    """An autograder that has been set up below ``root``, for one submission after another."""

    root: Path

    @classmethod
    def set_up(cls, archive: Path, root: Path) -> "Autograder":
        """Do what Gradescope and setup.sh do, but for the installation of packages."""
        with zipfile.ZipFile(archive) as file:
            file.extractall(root / "source")
        for path in (root / "source").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.copy(root / "source" / "run_autograder", root)
        (root / "run_autograder").chmod(0o755)
        (root / "source" / "python").write_text(sys.executable)
        (root / "source" / "fonts").mkdir()
        for name in ("submission", "results"):
            (root / name).mkdir()
        return cls(root)

    def hand_in(self, files: dict[str, bytes], *emails: str) -> None:
        """Put files in the place of the last submission."""
        shutil.rmtree(self.root / "submission")
        for name, content in files.items():
            path = self.root / "submission" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        about = {
            "id": 1,
            "users": [{"email": email, "name": email} for email in emails],
            "previous_submissions": [{"results": {"tests": "CANARY-PREVIOUS"}}],
        }
        (self.root / "submission_metadata.json").write_text(json.dumps(about))

    def run(self, *prefix: str, **options: Any) -> dict[str, Any]:
        """Grade in this machine's own surroundings; return results.json."""
        environment = {"PATH": os.environ["PATH"], "AUTOGRADER": str(self.root)}
        return self._results([*prefix, str(self.root / "run_autograder")], environment, **options)

    def run_contained(self, *prefix: str) -> dict[str, Any]:
        """Grade as root in a container as Docker makes them; return results.json. Needs root."""
        program = b"".join(syscalls._program(os.uname().machine))
        read, write = os.pipe()
        os.write(write, program)
        os.close(write)
        sandbox = ["bwrap", *self._options(), "--seccomp", str(read)]
        command = [*prefix, *sandbox, "/autograder/run_autograder"]
        try:
            return self._results(command, {"PATH": "/usr/bin:/bin"}, pass_fds=[read])
        finally:
            os.close(read)

    def _results(self, command: list[str], environment: dict[str, str], **options: Any) -> Any:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            **options,
        )
        self.log = done.stdout + done.stderr
        return json.loads((self.root / "results" / "results.json").read_text("utf-8"))

    def _options(self) -> list[str]:
        """Return bubblewrap's options for a container as Docker makes them."""
        options = [
            "--die-with-parent",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-net",
            "--clearenv",
        ]
        for name in ("/usr", "/lib", "/lib64", "/etc"):
            options += ["--ro-bind-try", name, name]
        for name in ("bin", "sbin"):
            if Path(f"/{name}").is_symlink():
                options += ["--symlink", f"usr/{name}", f"/{name}"]
        options += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
        folders = [str(folder) for folder in python_folders()]
        for name in sorted({str(above) for folder in python_folders() for above in folder.parents}):
            options += ["--perms", "0755", "--dir", name]
        for name in folders:
            options += ["--ro-bind", name, name]
        options += ["--bind", str(self.root), "/autograder", "--cap-drop", "ALL"]
        for name in CAPABILITIES:
            options += ["--cap-add", f"CAP_{name}"]
        return options
