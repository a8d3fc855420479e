"""Submissions mutated from the example class: each ends as a notebook or a reason, within limits.

``python -m tests.fuzz 2000`` tries so many, one after the other, and prints which went wrong. The
same number gives the same submission. Each goes through what reads, mends, sanitizes, publishes,
shows and compares it; nothing of it is run.
"""

import json
import os
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder.execution import outputs
from autograder.status import Unreadable
from autograder.submission import intake
from autograder.submission.prepared import RawSubmission
from course.confined import LimitExceeded, confined
from course.feedback import markup
from course.report import similarity
from course.run import atomic, publish
from examples.roster import CLASS
from tests.support import classroom, nasty

CPU_SECONDS = 60
MOST_CELLS = 5_000  # more than a submission may have
STUDENTS = [student.name for student in CLASS[classroom.GPT2]]
TEXTS = [*nasty.texts(3_000)]
VALUES: list[Any] = [
    *(None, True, 0, -1, 2**70, 1e308, float("nan"), "", "x", "\ud800", "\0", [], {}, [[]]),
    *({"": {}}, ["a", 1, None], "a" * 100_000, [0] * 10_000, {"nbgrader": {"grade_id": 3}}),
]
Mutation = Callable[[random.Random, Any], Any]


def submission(number: int) -> dict[str, Any]:
    """Return the files of a submission: contents, or what else lies there, by path."""
    draw = random.Random(number)
    notebook = json.loads(classroom.example(draw.choice(STUDENTS)))
    for _ in range(draw.choice((1, 1, 2, 5, 20))):
        draw.choice(STRUCTURE)(draw, notebook)
    raw = json.dumps(notebook, indent=draw.choice((None, 1))).encode("utf-8", "surrogatepass")
    for _ in range(draw.choice((0, 0, 1, 3))):
        raw = draw.choice(BYTES)(draw, raw)
    files: dict[str, Any] = {draw.choice(("gpt2.ipynb",) * 9 + ("GPT2.IPYNB", "a b.ipynb")): raw}
    for _ in range(draw.choice((0, 0, 1, 3))):
        files[draw.choice(NAMES)] = draw.choice(OBJECTS)
    return files


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every list and object below a value, each with a key of it."""
    pairs: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        here = waiting.pop()
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        pairs += [(here, key) for key in keys]
        waiting += [here[key] for key in keys if isinstance(here[key], (dict, list))]
    return pairs


def any_value(draw: random.Random) -> Any:
    """Return a copy of one of VALUES: put into itself, one would have no end."""
    return deepcopy(draw.choice(VALUES))


def replace_value(draw: random.Random, notebook: Any) -> None:
    """Put any value in any place."""
    if found := places(notebook):
        where, key = draw.choice(found)
        where[key] = any_value(draw)


def delete_value(draw: random.Random, notebook: Any) -> None:
    """Delete something."""
    if found := places(notebook):
        where, key = draw.choice(found)
        del where[key]


def add_value(draw: random.Random, notebook: Any) -> None:
    """Add a field or an item."""
    if found := places(notebook):
        where, key = draw.choice(found)
        if isinstance(where, dict):
            where[draw.choice((*nbformat.NotebookNode(notebook), "x", "nbgrader", "id"))] = (
                any_value(draw)
            )
        else:
            where.insert(key, draw.choice((where[key], any_value(draw))))


def nasty_text(draw: random.Random, notebook: Any) -> None:
    """Give a cell a text that careless parsers take forever to read."""
    cells = [c for c in as_list(notebook.get("cells")) if isinstance(c, dict)]
    if cells:
        cell = draw.choice(cells)
        cell["source"] = draw.choice(TEXTS)
        cell["cell_type"] = draw.choice(("markdown", "code", "raw"))


def shuffle_cells(draw: random.Random, notebook: Any) -> None:
    """Put cells in another order, or let some be there many times."""
    cells = as_list(notebook.get("cells"))
    draw.shuffle(cells)
    copies = cells[: draw.randrange(len(cells) + 1)] * draw.choice((0, 1, 10))
    cells += copies[: max(0, MOST_CELLS - len(cells))]  # several times tenfold fills any memory


def nest(draw: random.Random, notebook: Any) -> None:
    """Nest lists or objects."""
    value: Any = 1
    for _ in range(draw.choice((10, 90, 110, 900))):
        value = [value] if draw.random() < 0.5 else {"a": value}
    notebook["metadata"] = {"deep": value}


def as_list(value: Any) -> list[Any]:
    """Return a value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


STRUCTURE: tuple[Mutation, ...] = (
    *(replace_value, replace_value, delete_value, add_value),
    *(nasty_text, nasty_text, shuffle_cells, nest),
)
BYTES: tuple[Mutation, ...] = (
    lambda draw, raw: raw[: draw.randrange(len(raw) + 1)],
    lambda draw, raw: raw[draw.randrange(len(raw) + 1) :],
    lambda draw, raw: raw.decode("utf-8", "replace").encode(draw.choice(("utf-16", "utf-32"))),
    lambda draw, raw: raw.decode("utf-8", "replace").encode("cp1252", "replace"),
    lambda draw, raw: b"\xef\xbb\xbf" + raw,
    lambda draw, raw: raw.replace(b"e", bytes([draw.randrange(256)]), draw.randrange(5)),
    lambda draw, raw: raw + draw.randbytes(draw.randrange(50)),
    lambda draw, raw: raw * 2,
    lambda draw, raw: raw.replace(b"\n", b"\r\n"),
)
NAMES = (
    *("gpt2.ipynb/a", "gpt2.html/a", "page.html", "timestamp.txt", "timestamp.txt/a", "b.ipynb"),
    *("\u202ea.txt", "a\x1b[2J", "a b.ipynb", "a.png", "x/y/z/a.py", "seqlab.py", "%s{}*", "-rf"),
)
OBJECTS = (b"", b"2026-11-20 18:00:00 UTC", b"\xff" * 1000, b"{}", "fifo", "link", "folder")


def lay(folder: Path, files: dict[str, Any]) -> None:
    """Make files and other things in a folder; what stands in the way of another stays."""
    for name, content in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content == "fifo":
                os.mkfifo(path)
            elif content == "link":
                path.symlink_to("/etc/passwd")
            else:
                path.mkdir()
        except OSError:
            continue


def outcome(number: int) -> str:
    """Return what becomes of a submission: ``prepared``, ``refused`` or ``unreadable``.

    Raises:
        LimitExceeded: it took too much.
        Exception: any other is a fault of ours.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "gpt2"
        lay(folder, submission(number))
        try:
            files = intake.read_folder(folder)
        except intake.SubmissionRefused as error:
            return _line("refused", error)
        raw = RawSubmission("gpt2", TEMPLATE.read_text("utf-8"), (), files, {}, {})
        atomic.write_files(Path(name) / "autograded", publish.published(files))
        try:
            return confined(lambda: _shown(raw.prepared().notebook), CPU_SECONDS)
        except Unreadable as error:
            return _line("unreadable", error)


def _line(word: str, error: Exception) -> str:
    if not str(error).isprintable():
        raise ValueError(f"a reason that cannot be printed: {error!r}")
    return word


def _shown(notebook: NotebookNode) -> str:
    """Show every cell as a page does, compare its code, and write the notebook."""
    nbformat.validate(notebook)
    nbformat.reads(nbformat.writes(notebook), as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            markup.code(cell.source)
            similarity.tokens(cell.source)
            outputs.clean(cell.outputs)
            list(markup.shown(cell.outputs))
        else:
            markup.markdown(cell.source, 3, cell.get("attachments", {}))
    return "prepared"


TEMPLATE = classroom.ROOT / "release" / classroom.GPT2 / f"{classroom.GPT2}.ipynb"


def main(first: int, last: int) -> int:
    """Try submissions; return how many went wrong."""
    counts: Counter[str] = Counter()
    for number in range(first, last):
        try:
            counts[outcome(number)] += 1
        except (Exception, LimitExceeded) as error:
            counts["wrong"] += 1
            print(f"{number}: {type(error).__name__}: {str(error)[:200]!r}", flush=True)
    print(f"{last - first} submissions: {dict(counts)}")
    return counts["wrong"]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    numbers = [int(argument) for argument in sys.argv[1:]] or [2000]
    sys.exit(bool(main(*numbers) if len(numbers) > 1 else main(0, numbers[0])))
