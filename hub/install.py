"""Install the hub on this machine: users, environments, course, data and exchange.

What is there already stays. Everything lies in one folder:

    environments/hub        root runs the hub with it; JupyterHub and nothing of the course
    environments/staff      the course's, closed to students
    environments/students   what students need, and no solution, test or mistake
    course/                 a clone without the example class, the grader's alone, .git included
    data/ exchange/ homes/  what all can read, what all can submit to, what is each user's own
    state/                  database, passwords, log: root's alone
"""

import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hub.settings import HubError, HubSettings

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "hub"
GIT = ("git", "-c", "safe.directory=*")  # whoever owns the clone that this is
LEFT_OUT = (".venv", "submitted", "autograded", "feedback", "gradebook.db", ".autograder")
STICKY = stat.S_ISVTX  # in such a folder, only a file's owner can remove or rename it
COMMAND = "#!{}\nfrom course.cli.main import run\n\nrun()\n"
REGISTER = (  # a fresh clone has releases, but no gradebook
    "from course.directory import Course\n"
    "from course.release import generate\n"
    "course = Course.find()\n"
    "[generate.register(course, name) for name in course.assignments()]\n"
)


def install(settings: HubSettings) -> dict[str, str]:
    """Install what is not there yet; return everybody's password.

    Raises:
        HubError: somebody must do something first.
    """
    if os.geteuid() != 0:
        raise HubError("make hub needs root: it makes Unix users and runs servers as them")
    python = runnable_python()
    settings.folder.mkdir(parents=True, exist_ok=True)
    settings.folder.chmod(0o755)
    _folder(settings.state, 0o700)
    _expect_reachable(settings.folder)
    _users(settings)
    _course(settings)
    _data(settings)
    _exchange(settings)
    _environments(settings, python)
    _proxy(settings)
    _register(settings)
    return _passwords(settings)


def remove(settings: HubSettings) -> None:
    """Remove the users that the hub made, and its folder with all that is in it."""
    for user in settings.users:
        if _is_ours(settings, user):
            _run(["userdel", user])
    shutil.rmtree(settings.folder, ignore_errors=True)


def runnable_python() -> str:
    """Return a Python that every user can run: not one below root's home.

    Raises:
        HubError: there is none.
    """
    candidates = [sys.executable, *map(shutil.which, ("python3", "python")), "/usr/bin/python3"]
    for path in filter(None, candidates):
        real = Path(path).resolve()
        if _is_open_to_all(real) and _is_new_enough(str(real)):
            return str(real)
    raise HubError(
        "no Python here can be run by every user: install one outside of homes, such as "
        "Debian's python3, of version 3.11 or later"
    )


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _is_new_enough(python: str) -> bool:
    test = "import sys, venv; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", test], check=False).returncode == 0  # noqa: S603


def _expect_reachable(folder: Path) -> None:
    if not _is_open_to_all(folder):
        raise HubError(f"students cannot reach {folder}: choose a folder outside of homes")


# Users


def _users(settings: HubSettings) -> None:
    _folder(settings.folder / "homes", 0o711)
    for user in settings.users:
        if not _is_there(user):
            home = str(settings.home(user))
            _run(["useradd", "--home-dir", home, "--create-home", "--shell", "/bin/bash", user])
        elif not _is_ours(settings, user):
            raise HubError(
                f"this machine has a user {user} already, who is not of this hub: name another one "
                "in hub/settings.toml"
            )
        _folder(settings.home(user), 0o700, user)


def _is_there(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _is_ours(settings: HubSettings, user: str) -> bool:
    return _is_there(user) and pwd.getpwnam(user).pw_dir == str(settings.home(user))


def _passwords(settings: HubSettings) -> dict[str, str]:
    """Return everybody's password; the Unix users have none, and log in nowhere else."""
    path = settings.state / "passwords.json"
    known: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    passwords = {name: known.get(name) or secrets.token_urlsafe(9) for name in settings.people}
    path.touch(0o600)
    path.write_text(json.dumps(passwords, indent=1), "utf-8")
    return passwords


# The course, its data, the exchange


def _course(settings: HubSettings) -> None:
    """Copy what lies here and belongs to the course; nothing of a class, and no gradebook."""
    target = settings.course_folder
    if target.exists():
        return
    new = target.with_name("course.new")
    shutil.rmtree(new, ignore_errors=True)
    if (ROOT / ".git").exists():
        _run(
            ["git", "-c", "safe.directory=*", "clone", "-q", "--no-hardlinks", str(ROOT), str(new)]
        )
    for name in _files():
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, new / name)
    with (new / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(
            f"\n# This hub's (docs/hub.md).\nc.Exchange.root = {str(settings.exchange)!r}\n"
        )
    _give(new, settings.grader)
    new.rename(target)


def _files() -> Iterator[str]:
    """Yield the files of the course, changed and new ones included, as they lie here."""
    if (ROOT / ".git").exists():
        names = _output([*GIT, "ls-files", "-co", "--exclude-standard"], ROOT).splitlines()
    else:
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = [str(path) for path in paths if path.parts[0] not in LEFT_OUT]
    yield from (name for name in names if (ROOT / name).is_file())


def _give(folder: Path, user: str) -> None:
    """Let a folder and all that is in it be a user's, and nobody else's."""
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    folder.chmod(0o700)


def _data(settings: HubSettings) -> None:
    if not settings.data.exists():
        new = settings.data.with_name("data.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(ROOT / "data", new)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        new.rename(settings.data)


def _exchange(settings: HubSettings) -> None:
    """Make nbgrader's folders, in which nobody can remove or rename what is another's.

    nbgrader's own documentation has 777 for the first and 733 for inbound.
    """
    _folder(settings.exchange, 0o777 | STICKY)
    of_course = settings.exchange / settings.course
    _folder(of_course, 0o755, settings.grader)
    _folder(of_course / "inbound", 0o733 | STICKY, settings.grader)
    _folder(of_course / "outbound", 0o755, settings.grader)
    _folder(of_course / "feedback", 0o711, settings.grader)


def _register(settings: HubSettings) -> None:
    if not (settings.course_folder / "gradebook.db").is_file():
        python = settings.environment("staff") / "bin" / "python"
        as_grader(settings, [str(python), "-c", REGISTER])


def as_grader(settings: HubSettings, command: Sequence[str]) -> None:
    """Run a command as the grader, in the course's folder."""
    environment = {
        "HOME": str(settings.home(settings.grader)),
        "PATH": f"{settings.environment('staff')}/bin:/usr/local/bin:/usr/bin:/bin",
        "COURSE_DATA": str(settings.data),
    }
    user = settings.grader
    _run(command, cwd=settings.course_folder, env=environment, user=user)


# Environments


def _environments(settings: HubSettings, python: str) -> None:
    _folder(settings.folder / "environments", 0o755)
    for kind, lock, own in (
        ("hub", "hub", ()),
        ("students", "hub-students", (str(ROOT / "src" / "seqlab"),)),
        ("staff", "hub-staff", ()),
    ):
        _environment(settings.environment(kind), ROOT / "requirements" / f"{lock}.txt", own, python)
    _find_course(settings)
    for kind in ("students", "staff"):
        _configure(settings, kind)


def _sources(folders: Sequence[str]) -> bytes:
    """Return the Python files of packages of ours, which are installed again when one changes."""
    paths = sorted(path for folder in folders for path in Path(folder).glob("*.py"))
    return b"".join(path.read_bytes() for path in paths)


def _find_course(settings: HubSettings) -> None:
    """Let staff's environment find the course in its folder, and close it to students.

    Nothing is built from that folder, since the grader can write there and it is root who installs.
    """
    place, source = settings.environment("staff"), settings.course_folder / "src"
    (packages,) = place.glob("lib/python3*/site-packages")
    (packages / "course.pth").write_text(f"{source}\n", "utf-8")
    command = place / "bin" / "course"
    command.write_text(COMMAND.format(place / "bin" / "python"), "utf-8")
    command.chmod(0o755)
    os.chown(place, 0, pwd.getpwnam(settings.grader).pw_gid)
    place.chmod(0o750)


def _environment(place: Path, lock: Path, own: Sequence[str], python: str) -> None:
    """Make an environment, or leave one that was made of the same lock file."""
    made_of = place / "made-of"
    digest = hashlib.sha256(lock.read_bytes() + _sources(own)).hexdigest()
    if made_of.is_file() and made_of.read_text("utf-8") == digest:
        return
    print(f"installing {place}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    if uv := shutil.which("uv"):
        _run([uv, "venv", "-q", "--python", python, str(place)])
        pip = [uv, "pip", "install", "-q", "--link-mode", "copy", "--python", f"{place}/bin/python"]
    else:
        _run([python, "-m", "venv", str(place)])
        pip = [f"{place}/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "-r", str(lock), *own])
    made_of.write_text(digest, "utf-8")


def _configure(settings: HubSettings, kind: str) -> None:
    """Write settings into etc/jupyter of an environment, where every server in it reads them."""
    folder = settings.environment(kind) / "etc" / "jupyter"
    for name in ("jupyter_server_config.py", "nbgrader_config.py"):
        shutil.copyfile(HERE / "environment" / name, folder / name)
    places = {
        "course": settings.course,
        "data": str(settings.data),
        "exchange": str(settings.exchange),
    }
    files = {"places.json": places}
    if kind == "students":
        files |= json.loads((HERE / "environment" / "students.json").read_text("utf-8"))
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1), "utf-8")


def _proxy(settings: HubSettings) -> None:
    """Install the proxy, which is a program for Node."""
    place, wanted = settings.folder / "proxy", (HERE / "package.json").read_bytes()
    if (place / "package.json").is_file() and (place / "package.json").read_bytes() == wanted:
        return
    if not shutil.which("npm"):
        raise HubError("JupyterHub's proxy needs Node and npm: apt install nodejs npm")
    new = place.with_name("proxy.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    (new / "package.json").write_bytes(wanted)
    options = ["--no-package-lock", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
    _run(["npm", "install", *options], cwd=new)
    shutil.rmtree(place, ignore_errors=True)
    new.rename(place)


# Small things


def _folder(path: Path, mode: int, owner: str = "root") -> None:
    path.mkdir(parents=True, exist_ok=True)
    about = pwd.getpwnam(owner)
    os.chown(path, about.pw_uid, about.pw_gid)
    path.chmod(mode)


def _run(
    command: Sequence[str],
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    user: str | None = None,
) -> None:
    """Run a program to its end.

    Raises:
        HubError: it failed; the message is what it said last.
    """
    more: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
    try:
        done = subprocess.run(  # noqa: S603  (our own commands)
            command, cwd=cwd, env=env, capture_output=True, text=True, check=False, **more
        )
    except OSError as error:
        raise HubError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise HubError(f"{' '.join(command[:3])} failed: {' '.join(last)}")


def _output(command: Sequence[str], cwd: Path) -> str:
    return subprocess.run(  # noqa: S603  (our own commands)
        command, cwd=cwd, capture_output=True, text=True, check=True
    ).stdout
