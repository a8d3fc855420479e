"""What students get: ``dist/ASSIGNMENT-student.zip``, which needs nothing but Python and pip.

In it: the released notebook, the data that it loads, seqlab with its own pyproject beside the
notebook, exact requirements, and one page that says how to start. The same release gives the same
bytes: all files carry its day. This module does not know how a release is made, nor what is secret
in a master beyond what ``leaks`` finds.
"""

import os
import re
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import seqlab
from autograder.assignment import Assignment
from course.directory import Course, CourseError
from course.release import leaks
from seqlab import data_files, notebooks, released, verify

Date = tuple[int, int, int, int, int, int]  # year, month, day, hour, minute, second

LICENCE = "LICENSE"
REQUIREMENTS = "requirements/student.txt"
PICTURES = (".svg", ".png", ".jpg")  # that the notebook's text shows
PACKED = (".py", ".css", ".toml", ".typed")  # of seqlab
EPOCH = "SOURCE_DATE_EPOCH"  # seconds since 1970, by which builders of packages set a date
EARLIEST, LATEST = 315_532_800, 4_354_819_199  # what a zip file can say: 1980 to 2107
LONGEST = 180  # characters of a path: Windows has 260, and students have deep folders
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
UNSAFE = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .](/|$)')
# Lines that any program has, seqlab's, too: they tell nothing of what they were copied from
IDIOM = re.compile(
    r"((from [\w.]+ )?import \w+|(return|yield) (None|True|False|[\[({])|raise \w+\(|[\])}]+,?"
    r"|rng = np\.random\.default_rng\(\w+\))?( *# (fmt|noqa|type).*)?"
)

README = """# {title}: how to start

You need Python 3.11 or later. In a terminal, in this folder:

```
python -m venv .venv
.venv\\Scripts\\activate             (Windows)
source .venv/bin/activate          (macOS, Linux)
python -m pip install -r requirements.txt
python -m seqlab verify
jupyter lab {name}.ipynb
```

Installing needs the network; everything after it works without. `verify` checks that all files
arrived whole. Keep the folder together: the notebook finds `seqlab/`, `data/` and its
pictures beside it.

## Working

Write only where it says `# your code here` and *Your answer here.* Run the tests below each
problem: an error says in words what is wrong. To start afresh, copy
`seqlab/released/{name}.ipynb`, the notebook as it was handed out.

## Before you turn it in

```
python -m seqlab check {name}.ipynb
```

runs your saved notebook from the top in a fresh kernel, as grading will, and lists for each problem
what passes, what is missing and what fails. It finds what the notebook in front of you hides: names
that only your running kernel knows, deleted cells, files that only your machine has. Grading adds
hidden tests, the same cells with other inputs; the assignment is worth {points:g} points.

```
python -m seqlab bundle {name}.ipynb
```

writes the files to turn in to the folder `turn-in/`: {turned_in}. Look at them before you submit.

## What is in here

| | |
|---|---|
| `{name}.ipynb` | the assignment |
| `data/` | the texts and weights that it loads, with their hashes |
| `seqlab/` | the course's package: loaders, tests' comparisons, pictures, the two commands above |
| `requirements.txt` | exact versions of what has to be installed |
| `LICENSE` | of all of it |
"""


def write(course: Course, name: str) -> Path:
    """Write ``dist/ASSIGNMENT-student.zip`` from the release, and return its path.

    Raises:
        CourseError: there is no release, a file is missing, a name is not safe on every system,
            or a line of a master's secrets would go out.
    """
    members = contents(course, name)
    for complaint in (*unsafe(members), *secrets(course, members)):
        raise CourseError(f"{name} is not fit to be handed out: {complaint}")
    path = course.root / "dist" / f"{name}-student.zip"
    path.parent.mkdir(exist_ok=True)
    new, day = path.with_suffix(".new"), _day(course, name)
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for member in sorted(members):
            _add(archive, f"{name}/{member}", members[member], day)
    new.replace(path)
    return path


def contents(course: Course, name: str) -> dict[str, bytes]:
    """Return what goes out: ``{path in the student's folder: bytes}``."""
    path = course.root / "release" / name / f"{name}.ipynb"
    if not path.is_file():
        raise CourseError(f"there is no release of {name}: run course release {name}")
    blank, assignment = path.read_bytes(), course.assignment(name)
    notebook = nbformat.reads(blank.decode("utf-8"), as_version=4)
    return {
        f"{name}.ipynb": blank,
        f"seqlab/{released.FOLDER}/{name}.ipynb": blank,
        "README.md": _readme(assignment, notebook).encode(),
        "requirements.txt": course.shipped(REQUIREMENTS).read_bytes(),
        LICENCE: course.shipped(LICENCE).read_bytes(),
        **_pictures(path.parent),
        **data(course.data(), assignment.data),
        **_seqlab(),
    }


def _pictures(folder: Path) -> dict[str, bytes]:
    """Return the pictures that were released with a notebook, by their paths beside it."""
    paths = (path for path in folder.rglob("*") if path.suffix in PICTURES)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def _day(course: Course, name: str) -> Date:
    """Return the day on which the release was made, or that of SOURCE_DATE_EPOCH, at noon UTC.

    Raises:
        CourseError: SOURCE_DATE_EPOCH is not a number.
    """
    given = os.environ.get(EPOCH)
    if given is not None and not given.strip().isdecimal():
        raise CourseError(f"{EPOCH}={given} is not a number of seconds: correct or unset it")
    notebook = course.root / "release" / name / f"{name}.ipynb"
    seconds = int(given) if given else int(notebook.stat().st_mtime)
    moment = time.gmtime(min(max(seconds, EARLIEST), LATEST))
    return (moment.tm_year, moment.tm_mon, moment.tm_mday, 12, 0, 0)


def _add(archive: zipfile.ZipFile, name: str, content: bytes, day: Date) -> None:
    """Add a file that says nothing of when and where it was packed, but for the release's day."""
    about = zipfile.ZipInfo(name, day)
    about.create_system, about.external_attr = 3, 0o644 << 16
    about.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(about, content)


def data(root: Path, chosen: Iterable[str]) -> dict[str, bytes]:
    """Return the files of some of the data, with a list of their hashes.

    Raises:
        CourseError: one of them is missing, or was changed.
    """
    paths = data_paths(root, chosen)
    sums = data_files.read_sums(root)
    listing = "".join(f"{sums[name]}  {name}\n" for name in paths if name in sums)
    files = {f"data/{name}": _checked(path) for name, path in paths.items()}
    return {**files, f"data/{data_files.SUMS}": listing.encode()}


def data_paths(root: Path, chosen: Iterable[str]) -> dict[str, Path]:
    """Return the paths of some of the data, by their names below ``data/``.

    Args:
        root: the data folder
        chosen: files and folders below it, e.g. ``("gpt2/mini",)``; the original course's files
            stand for them

    Raises:
        CourseError: one of them is missing.
    """
    paths: dict[str, Path] = {}
    for entry in chosen:
        new = verify.data_of(root, entry)
        if not new:
            raise CourseError(f"there is no {root / entry}, and assignment.toml asks for it")
        paths |= new
    return dict(sorted(paths.items()))


def _checked(path: Path) -> bytes:
    try:
        data_files.check(path)
        return path.read_bytes()
    except (OSError, seqlab.DataError) as error:
        raise CourseError(str(error)) from None


def _seqlab() -> dict[str, bytes]:
    """Return the files of seqlab's distribution."""
    root = Path(seqlab.__file__).resolve().parent
    return {
        f"seqlab/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.suffix in PACKED and released.FOLDER not in path.parts
    }


def _readme(assignment: Assignment, notebook: NotebookNode) -> str:
    name = assignment.name
    turned_in = f"`{name}.ipynb` for Canvas and `{name}.pdf` for Gradescope"
    if assignment.turn_in:
        files = " and ".join(f"`{file}`" for file in assignment.turn_in.names)
        turned_in = f"{files}, under exactly these names"
    points = sum(cell.points for cell in notebooks.cells(notebook))
    return README.format(title=assignment.title, name=name, points=points, turned_in=turned_in)


def unsafe(names: Iterable[str]) -> Iterator[str]:
    """Yield a complaint for each path that some system cannot unpack.

    Example:
        >>> list(unsafe(["data/aux.txt"]))
        ["the path 'data/aux.txt' has a part with a meaning of its own"]
    """
    known: dict[str, str] = {}
    for name in sorted(names):
        other = known.setdefault(name.casefold(), name)
        if other != name:
            yield f"{name} and {other} are one file on Windows and macOS"
        if len(name) > LONGEST or UNSAFE.search(name) or name.startswith("/"):
            yield f"the path {name!r} is too long or has characters that Windows does not allow"
        if any(part == ".." or RESERVED.match(part) for part in name.split("/")):
            yield f"the path {name!r} has a part with a meaning of its own"


def secrets(course: Course, members: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a complaint for each line of any master's secrets that a text among them holds."""
    lines: set[str] = set()
    for master in sorted((course.root / "source").glob("*/*.ipynb")):
        lines |= leaks.secret_lines(nbformat.read(master, as_version=4))
    lines = {line for line in lines if not IDIOM.fullmatch(line)}
    with tempfile.TemporaryDirectory(prefix="student-zip-") as scratch:
        for name, content in members.items():
            if not name.startswith("data/"):  # known by their hashes
                path = Path(scratch) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        yield from leaks.find(lines, Path(scratch))
