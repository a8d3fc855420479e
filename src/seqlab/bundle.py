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
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from nbformat import NotebookNode

from seqlab import html_page, kernel_start, kernels, names, static_checks
from seqlab.errors import DataError
from seqlab.kernels import Run
from seqlab.notebooks import NotebookCell
from seqlab.static_checks import NotebookFinding, Work

FOLDER = kernel_start.TURN_IN  # beside the notebook
ALONE_SECONDS = 120.0  # that the file of functions may take to run by itself
EXAMPLES = "2_4.txt"
RULE = re.compile(r"^-{4,}$", re.MULTILINE)  # between examples
ENOUGH = 3  # examples
PAGES = re.compile(rb"/Count (\d+)")
WRITE = "write_functions"
TRANSPARENT = re.compile(r"\b(Path|PurePath|str|list|tuple|join|joinpath)$")  # calls of one value
UNKNOWN = (KeyError, TypeError, ValueError, RecursionError)  # of a value that no text tells
# Run by itself, without the notebook: which functions does a file define?
DEFINES = """\
import json, runpy, sys
space = runpy.run_path(sys.argv[1])
print("\\n" + json.dumps([name for name, value in space.items() if callable(value)]))
"""


@dataclass
class Parcel:
    """What was made, and what is still to be done."""

    work: Work
    folder: Path
    seconds: float
    made: list[str] = field(default_factory=list)
    findings: list[NotebookFinding] = field(default_factory=list)

    def report(self, kind: str, text: str) -> None:
        """Note what is missing or wrong."""
        self.findings.append(NotebookFinding(kind, text))


def bundle(
    path: Path,
    to: Path | None = None,
    seconds: float = kernel_start.BUNDLING,
    say: Callable[[str], None] = print,
) -> int:
    """Write the files to turn in, list them and what is missing, and return the exit status.

    Args:
        path: the notebook
        to: the folder to write to, by default ``turn-in`` beside the notebook
        seconds: how long a cell may take, where cells have to be run
        say: called with each line

    Raises:
        DataError: the notebook cannot be read, no kernel starts, or no file can be written.
    """
    work = Work.of(path)
    parcel = Parcel(work, to or path.parent / FOLDER, seconds)
    try:
        parcel.folder.mkdir(parents=True, exist_ok=True)
        _fill(parcel)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise DataError(f"cannot write to {parcel.folder}: {error.strerror}") from None
    damage = (finding for finding in static_checks.damage(work) if finding.kind != "note")
    parcel.findings += [*static_checks.missing(work), *damage]
    for line in _lines(parcel):
        say(line)
    return int(any(finding.kind != "note" for finding in parcel.findings))


def _fill(parcel: Parcel) -> None:
    """Write what the notebook asks for."""
    calls = list(write_calls(parcel.work))
    if not calls:
        _write_notebook(parcel)
        return
    for call in calls:
        if not call.file:
            parcel.report("wrong", f"{call.cell.label()}: {call.why_unknown}")
    _write_functions(parcel, functions(calls))


# Which functions, in which file


@dataclass(frozen=True)
class WriteCall:
    """A call of ``turn_in.write_functions`` in the notebook."""

    cell: NotebookCell
    file: str = ""  # nothing where only running the cell would tell
    functions: tuple[str, ...] = ()

    @property
    def why_unknown(self) -> str:
        """What to change so that the call can be read."""
        return (
            f"give {WRITE} the names and the file as texts, as in "
            f'{WRITE}(["softmax"], globals(), "template.py")'
        )


def functions(calls: list[WriteCall]) -> dict[str, list[str]]:
    """Return ``{file: functions}``, all calls taken together."""
    wanted: dict[str, list[str]] = {}
    for call in calls:
        if call.file:
            known = wanted.setdefault(call.file, [])
            known += [name for name in call.functions if name not in known]
    return wanted


def write_calls(work: Work) -> Iterator[WriteCall]:
    """Yield the calls of ``write_functions`` in a notebook, with what they ask for."""
    known: dict[str, Any] = {}
    for cell in work.cells:
        tree = names.parsed(cell.source) if cell.is_code else None
        for statement in tree.body if tree else []:
            _assign(statement, known)
            for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
                if ast.unparse(call.func).rpartition(".")[2] == WRITE:
                    yield _read_call(cell, call, known)


def _assign(statement: ast.stmt, known: dict[str, Any]) -> None:
    """Note what a statement assigns to a name, where that can be told without running it."""
    match statement:
        case ast.Assign([ast.Name(name)], value):
            pass
        case ast.AugAssign(ast.Name(name) as target, operator, right):
            value = ast.BinOp(ast.Name(target.id, ast.Load()), operator, right)
        case _:
            return
    try:
        known[name] = _constant(value, known)
    except UNKNOWN:
        known.pop(name, None)


def _read_call(cell: NotebookCell, call: ast.Call, known: dict[str, Any]) -> WriteCall:
    given = dict(zip(("functions", "namespace", "path"), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    try:
        wanted, path = (_constant(given[name], known) for name in ("functions", "path"))
        return WriteCall(cell, PurePosixPath(path).name, tuple(map(str, wanted)))
    except UNKNOWN:
        return WriteCall(cell)


def _constant(node: ast.expr, known: dict[str, Any]) -> Any:
    """Return the value of constants, lists, known names, sums, and paths made of them.

    Of a path only the last part matters. Fails with one of UNKNOWN where the value is only known
    when the code runs.

    Example:
        >>> _constant(ast.parse("Path('out') / name", mode="eval").body, {"name": "a.py"})
        'a.py'
    """
    match node:
        case ast.Name(name):
            return known[name]
        case ast.BinOp(left, ast.Add(), right):
            return _constant(left, known) + _constant(right, known)
        case ast.BinOp(_, ast.Div(), right):
            return _constant(right, known)
        case ast.Call(function, [*_, last], []) if TRANSPARENT.search(ast.unparse(function)):
            return _constant(last, known)
        case ast.List(items) | ast.Tuple(items):
            return [_constant(item, known) for item in items]
    return ast.literal_eval(node)


# A notebook and a PDF


def _write_notebook(parcel: Parcel) -> None:
    """Write the notebook under its exact name, and as a PDF."""
    work = parcel.work
    name = work.released_at.name if work.released_at else work.path.name
    shown, target = _shown(parcel), parcel.folder / name
    if shown is not work.notebook:
        nbformat.write(shown, target)
    elif target.resolve() != work.path.resolve():
        shutil.copyfile(work.path, target)
    parcel.made.append(f"{name}: the notebook, for Canvas")
    _report_errors(parcel, shown)
    _write_pdf(parcel, shown, target.with_suffix(".pdf"))


def _shown(parcel: Parcel) -> NotebookNode:
    """Return the notebook with its outputs, run afresh where some are missing."""
    code = [cell for cell in parcel.work.cells if cell.is_code and cell.source.strip()]
    counts = [int(cell.node.get("execution_count") or 0) for cell in code]
    if 0 in counts:
        return _run_afresh(parcel, [cell.index for cell in code], counts.count(0))
    if counts != sorted(counts):
        parcel.report(
            "note",
            "its cells were not run in order: Restart Kernel and Run All Cells, save, and bundle"
            " again",
        )
    return parcel.work.notebook


def _run_afresh(parcel: Parcel, indices: list[int], n_missing: int) -> NotebookNode:
    copy = deepcopy(parcel.work.notebook)
    with kernels.fresh(copy, parcel.work.path.resolve().parent, parcel.seconds) as run:
        run.cells(indices, f"{n_missing} cells were not run")
    parcel.report(
        "note",
        "the notebook had not been run to its end: what you turn in shows a new run, so compare it "
        "with what you write about it",
    )
    return copy


def _report_errors(parcel: Parcel, shown: NotebookNode) -> None:
    for cell, node in zip(parcel.work.cells, shown.cells, strict=True):
        kinds = [o.ename for o in node.get("outputs", []) if o.output_type == "error"]
        if kinds and not parcel.work.unfinished(cell):
            parcel.report("fails", f"{cell.label()} ends with {kinds[0]}")


def _printed_form(parcel: Parcel, shown: NotebookNode) -> NotebookNode:
    """Return a copy for paper: of the course's own code, the first line; its outputs are whole."""
    copy = deepcopy(shown)
    for cell, node in zip(parcel.work.cells, copy.cells, strict=True):
        lines = node.source.splitlines()
        if cell.is_code and cell.is_locked and len(lines) > 1 and not parcel.work.is_changed(cell):
            more = f"{len(lines) - 1} more line{'s' * (len(lines) > 2)}"
            node.source = f"{lines[0]}  # and {more}, as handed out"
    return copy


def _write_pdf(parcel: Parcel, shown: NotebookNode, target: Path) -> None:
    """Write a PDF, or else a page for a browser, and say how to print it."""
    page, printed = target.with_suffix(".html"), _printed_form(parcel, shown)
    page.write_text(html_page.html(printed, target.stem, parcel.work.path.parent), "utf-8")
    if html_page.pdf(printed, page, target):
        page.unlink()
        n_pages = max(map(int, PAGES.findall(target.read_bytes())), default=0)
        size = f" {n_pages} pages," if n_pages else ""
        parcel.made.append(
            f"{target.name}:{size} for Gradescope; mark there which pages belong to which problem"
        )
        return
    parcel.made.append(f"{page.name}: to be made into a PDF")
    parcel.report(
        "missing",
        f"{target.name}: found no browser that prints by itself. Open {page} in your browser, "
        "print it (Ctrl-P or Cmd-P) and choose Save as PDF",
    )


# Functions in a file, and examples


def _write_functions(parcel: Parcel, wanted: dict[str, list[str]]) -> None:
    """Write the functions of a fresh run into their files, and the examples beside them."""
    work = parcel.work
    chosen = [cell.index for cell in work.cells if work.is_run(cell) and not cell.is_test]
    with kernels.fresh(deepcopy(work.notebook), work.path.resolve().parent, parcel.seconds) as run:
        run.cells(chosen, work.path.name)
        for file, functions in wanted.items():
            _write_file(parcel, run, parcel.folder / file, functions)
        for cell in _example_cells(work):
            _write_examples(parcel, run, cell)


def _write_file(parcel: Parcel, run: Run, target: Path, wanted: list[str]) -> None:
    """Let ``turn_in`` write a file in the kernel, and see that it runs without the notebook."""
    target.unlink(missing_ok=True)
    for line in "" if run.stopped else _printed(run, _write_code(target, wanted)).splitlines():
        if not line.startswith(str(target.resolve())):
            parcel.report("missing", f"{target.name}: {line}")
    if not target.is_file():
        parcel.report("missing", f"{target.name}: {run.stopped or 'it could not be written'}")
        return
    defined, problem = _defined(target)
    if problem:
        parcel.report("fails", f"{target.name} does not run by itself: {problem}")
    parcel.made.append(f"{target.name}: {_described(wanted, defined, parcel.work.unwritten())}")


def _described(wanted: list[str], defined: list[str], unwritten: list[str]) -> str:
    """Return what a file of functions holds, and what it holds in name only or not at all.

    Example:
        >>> _described(["softmax", "gelu"], ["softmax", "gelu"], ["gelu"])
        '1 of 2 functions. Not written yet: gelu'
    """
    empty = [name for name in wanted if name in defined and name in unwritten]
    absent = [name for name in wanted if name not in defined]
    n_good = len(wanted) - len(empty) - len(absent)
    some = f"{n_good or 'none'} of {len(wanted)} functions"
    parts = [some if empty or absent else f"all {len(wanted)} functions"]
    parts += [f"Not written yet: {', '.join(empty)}"] if empty else []
    parts += [f"Not in the file: {', '.join(absent)}"] if absent else []
    return ". ".join(parts)


def _write_code(target: Path, wanted: list[str]) -> str:
    """Return code that writes functions in a kernel and leaves no name behind."""
    module = '__import__("seqlab.turn_in").turn_in'
    return f"{module}.{WRITE}({wanted!r}, globals(), {str(target.resolve())!r})"


def _printed(run: Run, source: str) -> str:
    """Run code and return what it prints, or how it fails."""
    outputs = run.code(source).outputs
    errors = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    return "\n".join([*(o.text for o in outputs if o.output_type == "stream"), *errors])


def _defined(target: Path) -> tuple[list[str], str]:
    """Return which functions a file defines when it is run alone, and why it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", DEFINES, str(target.resolve())],
            cwd=target.parent,
            env={**kernel_start.environment(target.parent), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=ALONE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [], f"it does not end within {ALONE_SECONDS:g} s"
    if done.returncode:
        return [], (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    try:
        return json.loads(done.stdout.splitlines()[-1]), ""
    except (IndexError, ValueError):
        return [], "it ends Python when it is imported"


def _example_cells(work: Work) -> list[NotebookCell]:
    """Return the student's cells that write the examples."""
    return [
        cell
        for cell in work.cells
        if cell.is_code and not cell.is_locked and EXAMPLES in names.texts(cell.source)
    ]


def _write_examples(parcel: Parcel, run: Run, cell: NotebookCell) -> None:
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
    if target.is_file():
        _report_examples(parcel, cell, target.read_text("utf-8", "replace"), origin)
    else:
        outcome = run.outcomes.get(cell.index)
        reason = f"{outcome.kind}: {outcome.text}" if outcome and outcome.kind else run.stopped
        because = f" ({reason})" if reason else ""
        parcel.report("missing", f"{EXAMPLES}: {cell.label()} did not write it{because}")


def _report_examples(parcel: Parcel, cell: NotebookCell, text: str, origin: str) -> None:
    """Note whether there are enough examples, and whether they are the student's own."""
    n_examples = sum(bool(part.strip()) for part in RULE.split(text))
    parcel.made.append(f"{EXAMPLES}: {n_examples} examples, {origin}")
    if n_examples < ENOUGH:
        more = ENOUGH - n_examples
        parcel.report("missing", f"{EXAMPLES}: {more} more examples, with lines of ---- between")
    printed = "".join(o.get("text", "") for o in cell.node.outputs if o.output_type == "stream")
    if printed.strip() and text.strip() not in printed:
        parcel.report("note", f"{EXAMPLES} is not what {cell.label()} printed when you last ran it")
    if cell.source == parcel.work.released_source(cell):
        parcel.report(
            "missing", f"{cell.label()}: still the beginnings that came with it; choose your own"
        )


def _lines(parcel: Parcel) -> Iterator[str]:
    """Yield what is printed."""
    yield f"written to {parcel.folder}"
    yield from (f"  {line}" for line in parcel.made)
    if parcel.findings:
        yield "before you turn it in"
        yield from (f"  {finding.kind:7}  {finding.text}" for finding in parcel.findings)
    else:
        yield "nothing is missing"
