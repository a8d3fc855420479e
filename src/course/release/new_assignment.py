"""Make a small assignment that works, for an instructor to change.

It is a copy of ``starter/`` with ``NAME`` and ``TITLE`` filled in.
"""

import importlib.resources
import keyword
import re
import tempfile
from importlib.resources.abc import Traversable
from pathlib import Path

from course.directory import Course, CourseError

LONGEST = 40  # characters of a name: it is part of file names on every student's machine
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # on Windows
FILES = {  # of an assignment's folder, by those of starter/
    "starter.ipynb": "{name}.ipynb",
    "assignment.toml": "assignment.toml",
    "mistakes.txt": "mistakes.py",
}


def create(course: Course, name: str, title: str = "") -> Path:
    """Make ``source/NAME`` and return it.

    Args:
        course: the course to add it to
        name: of the folder and of the notebook
        title: the notebook's first heading; the name by default

    Raises:
        CourseError: the name or the title will not do, or an assignment of this name exists.
    """
    _check(course, name, title)
    starter = importlib.resources.files("course.release") / "starter"
    source = course.root / "source"
    with tempfile.TemporaryDirectory(prefix=".new-", dir=source) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        for path, target in FILES.items():
            text = _filled_in(starter / path, name, title or name)
            (folder / target.format(name=name)).write_text(text, "utf-8")
        folder.rename(source / name)
    return source / name


def _check(course: Course, name: str, title: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise CourseError(
            f"{name!r} is no name for an assignment: begin with a letter, go on with letters, "
            f"digits and _, {LONGEST} characters at most"
        )
    if keyword.iskeyword(name) or RESERVED.fullmatch(name):
        raise CourseError(f"{name} means something to Python or to Windows: choose another name")
    if not title.isprintable() or set(title) & set('"\\'):
        raise CourseError(f"the title {title!r} has quotation marks or control characters in it")
    for path in (course.root / "source").iterdir():
        if path.name.casefold() == name.casefold():
            raise CourseError(f"source/{path.name} exists already: choose another name")


def _filled_in(path: Traversable, name: str, title: str) -> str:
    text = path.read_text("utf-8")
    return re.sub(r"\bNAME\b", name, text).replace("TITLE", title)
