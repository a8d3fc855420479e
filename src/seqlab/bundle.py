"""``python -m seqlab bundle``: make the files that a notebook's last text asks to be turned in.

A notebook that asks for functions in a file gets that file and its examples; any other is turned in
as a notebook and as a PDF. The student's notebook is only read. This module does not know who
reads the files, nor whether what is in them is right.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from seqlab import html_page, kernels, names, static_checks
from seqlab.kernels import Run
from seqlab.notebooks import NotebookCell
from seqlab.static_checks import NotebookFinding, Work

FOLDER = "turn-in"  # beside the notebook
SECONDS = 600.0  # that a cell may take
EXAMPLES = "2_4.txt"
RULE = re.compile(r"^-{4,}$", re.MULTILINE)  # between examples
ENOUGH = 3  # examples
PAGES = re.compile(rb"/Count (\d+)")
# Run by itself, without the notebook: which functions does the file define?
LOOK = "import json, runpy, sys; print(json.dumps([n for n, v in runpy.run_path(sys.argv[1]).items() if callable(v)]))"  # noqa: E501


@dataclass
class Parcel:
    """What was made, and what is still to be done."""

    work: Work
    folder: Path
    seconds: float
    made: list[str] = field(default_factory=list)
    lacks: list[NotebookFinding] = field(default_factory=list)

    def lack(self, kind: str, text: str) -> None:
        """Note what is missing or wrong."""
        self.lacks.append(NotebookFinding(kind, text))


def bundle(
    path: Path,
    to: Path | None = None,
    seconds: float = SECONDS,
    say: Callable[[str], None] = print,
) -> int:
    """Write what is to be turned in, say what it is and what is missing, and return the status.

    Args:
        path: the notebook
        to: the folder to write to, by default ``turn-in`` beside the notebook
        seconds: how long a cell may take, where cells have to be run
        say: called with each line

    Raises:
        DataError: the notebook cannot be read, or no kernel starts.
    """
    work = Work.of(path)
    parcel = Parcel(work, to or path.parent / FOLDER, seconds)
    parcel.folder.mkdir(parents=True, exist_ok=True)
    asked = functions(work)
    if asked:
        _files(parcel, asked)
    else:
        _pages(parcel)
    parcel.lacks += [
        *static_checks.missing(work),
        *(f for f in static_checks.damage(work) if f.kind != "note"),
    ]
    for line in _lines(parcel):
        say(line)
    return int(any(lack.kind != "note" for lack in parcel.lacks))


def functions(work: Work) -> dict[str, list[str]]:
    """Return ``{file: functions}`` as the notebook's cells write them with ``turn_in``."""
    asked: dict[str, list[str]] = {}
    for cell in work.cells:
        if cell.is_code and "write_functions" in cell.source:
            for target, chosen in _calls(cell.source):
                known = asked.setdefault(target, [])
                known += [name for name in chosen if name not in known]
    return asked


def _calls(source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield file and functions of each call of ``write_functions`` with constant arguments."""
    try:
        tree = ast.parse(names.python(source))
    except SyntaxError:
        return
    lists = {
        ast.unparse(node.targets[0]): node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("write_functions"):
            chosen, _, target = node.args
            chosen = lists.get(ast.unparse(chosen), chosen)
            yield ast.literal_eval(target), ast.literal_eval(chosen)


# A notebook and a PDF


def _pages(parcel: Parcel) -> None:
    """Write the notebook under its exact name, and as a PDF."""
    work = parcel.work
    name = work.given_at.name if work.given_at else work.path.name
    shown, target = _shown(parcel), parcel.folder / name
    if shown is work.notebook:
        if target.resolve() != work.path.resolve():
            shutil.copyfile(work.path, target)
    else:
        nbformat.write(shown, target)
    parcel.made.append(f"{name}: the notebook, for Canvas")
    _errors(parcel, shown)
    _pdf(parcel, shown, target.with_suffix(".pdf"))


def _shown(parcel: Parcel) -> NotebookNode:
    """Return the notebook with its outputs, run afresh where some are missing."""
    code = [cell for cell in parcel.work.cells if cell.is_code and cell.source.strip()]
    counts = [int(cell.node.get("execution_count") or 0) for cell in code]
    if 0 not in counts:
        if counts != sorted(counts):
            parcel.lack(
                "note",
                "its cells were not run in order: Restart Kernel and Run All Cells,"
                " save, and bundle again",
            )
        return parcel.work.notebook
    copy = deepcopy(parcel.work.notebook)
    with kernels.fresh(copy, parcel.work.path.resolve().parent, parcel.seconds) as run:
        run.cells([cell.index for cell in code], f"{counts.count(0)} cells were not run")
    parcel.lack(
        "note",
        "the notebook had not been run to its end; what you turn in shows a new "
        "run, so compare what you write about it",
    )
    return copy


def _errors(parcel: Parcel, shown: NotebookNode) -> None:
    for cell, node in zip(parcel.work.cells, shown.cells, strict=True):
        kinds = [o.ename for o in node.get("outputs", []) if o.output_type == "error"]
        if kinds and not parcel.work.unfinished(cell):
            parcel.lack("fails", f"{cell.label()} ends with {kinds[0]}")


def _pdf(parcel: Parcel, shown: NotebookNode, target: Path) -> None:
    """Write a PDF, or else the page for a browser, and how to print it."""
    web = target.with_suffix(".html")
    web.write_text(html_page.html(shown, target.stem, parcel.work.path.parent), "utf-8")
    if html_page.pdf(shown, web, target):
        web.unlink()
        pages = max(map(int, PAGES.findall(target.read_bytes())), default=0)
        size = f" {pages} pages," if pages else ""
        parcel.made.append(
            f"{target.name}:{size} for Gradescope; mark there which pages belong to which problem"
        )
        return
    parcel.made.append(f"{web.name}: to be made into a PDF")
    parcel.lack(
        "missing",
        f"{target.name}: found no browser that prints by itself. Open {web} in "
        "your browser, print it (Ctrl-P or Cmd-P) and choose Save as PDF",
    )


# Functions in a file, and examples


def _files(parcel: Parcel, asked: dict[str, list[str]]) -> None:
    """Write the functions of a fresh run into their files, and the examples beside them."""
    work = parcel.work
    folder = work.path.resolve().parent
    chosen = [cell.index for cell in work.cells if work.is_run(cell) and not cell.is_test]
    with kernels.fresh(deepcopy(work.notebook), folder, parcel.seconds) as run:
        run.cells(chosen, work.path.name)
        for target, wanted in asked.items():
            _written(parcel, run, parcel.folder / target, wanted)
        for cell in _examples(work):
            _exemplified(parcel, run, cell)


def _written(parcel: Parcel, run: Run, target: Path, wanted: list[str]) -> None:
    """Let ``turn_in`` write a file in the kernel, and see that it stands on its own."""
    path = str(target.resolve())
    said = (
        ""
        if run.stopped
        else _said(
            run,
            '__import__("seqlab.turn_in").turn_in.write_functions'
            f"({wanted!r}, globals(), {path!r})",
        )
    )
    for line in said.splitlines():
        if not line.startswith(path):
            parcel.lack("missing", f"{target.name}: {line}")
    if run.stopped or not target.is_file():
        parcel.lack("missing", f"{target.name}: {run.stopped or 'it could not be written'}")
        return
    defined, problem = _defined(target)
    absent = [name for name in wanted if name not in defined]
    if problem:
        parcel.lack("fails", f"{target.name} does not run by itself: {problem}")
    if not absent:
        parcel.made.append(f"{target.name}: all {len(wanted)} functions")
        return
    count = f"{len(wanted) - len(absent)} of {len(wanted)} functions"
    parcel.made.append(f"{target.name}: {count}, without {', '.join(absent)}")


def _said(run: Run, source: str) -> str:
    """Run code and return what it prints, or how it fails."""
    outputs = run.code(source).outputs
    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    return "\n".join([*(o.text for o in outputs if o.output_type == "stream"), *errors])


def _defined(target: Path) -> tuple[list[str], str]:
    """Return which functions a file defines when it is run alone, and why it cannot be run."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOOK, str(target.resolve())],
        cwd=target.parent,
        env=kernels.environment(target.parent),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    if done.returncode:
        return [], (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return json.loads(done.stdout.splitlines()[-1]), ""


def _examples(work: Work) -> list[NotebookCell]:
    """Return the student's cells that write the examples."""
    return [
        cell
        for cell in work.cells
        if cell.is_code and not cell.is_locked and EXAMPLES in names.texts(cell.source)
    ]


def _exemplified(parcel: Parcel, run: Run, cell: NotebookCell) -> None:
    """Take the examples that lie beside the notebook, or let their cell make them."""
    beside, target = parcel.work.path.parent / EXAMPLES, parcel.folder / EXAMPLES
    if beside.is_file():
        origin = f"as it lies beside {parcel.work.path.name}"
        if beside.resolve() != target.resolve():
            shutil.copyfile(beside, target)
    else:
        origin = "made afresh by its cell"
        target.unlink(missing_ok=True)
        run.cells([cell.index], EXAMPLES)
        with suppress(FileNotFoundError):
            shutil.copyfile(run.folder / EXAMPLES, target)
    _enough(parcel, run, cell, target, origin)


def _enough(parcel: Parcel, run: Run, cell: NotebookCell, target: Path, origin: str) -> None:
    """Note whether there are examples, and whether they are the student's own."""
    if not target.is_file():
        outcome = run.outcomes.get(cell.index)
        reason = f"{outcome.kind}: {outcome.text}" if outcome and outcome.kind else run.stopped
        parcel.lack("missing", f"{EXAMPLES}: {cell.label()} did not write it ({reason})")
        return
    text = target.read_text("utf-8", "replace")
    parts = [part for part in RULE.split(text) if part.strip()]
    parcel.made.append(f"{EXAMPLES}: {len(parts)} examples, {origin}")
    if len(parts) < ENOUGH:
        parcel.lack(
            "missing",
            f"{EXAMPLES}: {ENOUGH - len(parts)} more examples, with lines of ---- between them",
        )
    printed = "".join(o.get("text", "") for o in cell.node.outputs if o.output_type == "stream")
    if printed.strip() and text.strip() not in printed:
        parcel.lack("note", f"{EXAMPLES} is not what {cell.label()} printed when you last ran it")
    if cell.source == parcel.work.source_given(cell):
        parcel.lack(
            "missing", f"{cell.label()}: still the beginnings that came with it; choose your own"
        )


def _lines(parcel: Parcel) -> Iterator[str]:
    yield f"written to {parcel.folder}"
    yield from (f"  {line}" for line in parcel.made)
    if parcel.lacks:
        yield "before you turn it in"
        yield from (f"  {lack.kind:7}  {lack.text}" for lack in parcel.lacks)
    else:
        yield "nothing is missing"
