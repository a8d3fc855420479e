"""One test of one student again: what it asked, what came back, what would have been right.

The hidden inputs are those of the student's mark, since they are drawn from the same key.
"""

import ast
import base64
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import nbformat
import numpy as np
from nbformat import NotebookNode

from autograder import job
from autograder.cell_notes import CellNote
from autograder.cells import is_test
from autograder.diagnosis import compare
from autograder.execution.client import KernelError
from autograder.execution.pool import shared_pool
from autograder.execution.report import ReplayedCall, ReplayedTest
from autograder.execution.test_side import ProvidedCellError
from autograder.status import Unreadable
from autograder.submission.intake import SubmissionRefused
from course.directory import Course, CourseError
from course.report import compared_results
from course.run import batch, workers
from seqlab import names

LONGEST = 400  # characters of a value in a list of arguments


def replay(course: Course, assignment: str, student: str, test: str) -> ReplayedTest:
    """Return the calls that a test makes of a student's functions (see Session.replay).

    Raises:
        CourseError: there is no such test or no such submission, or it cannot be run.
    """
    policy = batch.policy_of(course, assignment)
    work = batch.Batch(course, assignment, workers.Local(1, course.data()), policy, show=False)
    try:
        packed = job.Job.read(work.packed(student))
        ready = shared_pool(policy, course.data()).prepare(job.raw(packed))
    except (SubmissionRefused, OSError, Unreadable) as error:
        raise CourseError(f"{student}'s {assignment} cannot be read: {error}") from None
    names = [cell.id for cell in ready.notebook.cells if is_test(cell)]
    if test not in names:
        raise CourseError(f"{assignment} has no test {test}; it has {', '.join(names)}")
    pool = shared_pool(policy, course.data())
    try:
        done = pool.replay(
            ready.notebook,
            ready.files,
            ready.template,
            packed.draws,
            test,
            packed.release.catalogue,
        )
    except (KernelError, ProvidedCellError) as error:
        raise CourseError(f"{student}'s code did not come as far as {test}: {error}") from None
    known = parameters(nbformat.read(course.master(assignment), as_version=4))
    calls = tuple(_by_name(call, known.get(call.name, [])) for call in done.calls)
    return replace(done, calls=calls, followed=_followed(course, assignment, student, test))


def parameters(notebook: NotebookNode) -> dict[str, list[str]]:
    """Return the parameters of each function that a notebook's cells define."""
    trees = (names.parsed(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    nodes = (node for tree in trees if tree for node in tree.body)
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
    return {f.name: [a.arg for a in (*f.args.posonlyargs, *f.args.args)] for f in functions}


def _by_name(call: ReplayedCall, known: Sequence[str]) -> ReplayedCall:
    """Return a call whose arguments are named as far as names are known."""
    named = dict(zip(known, call.args, strict=False))
    return replace(call, args=call.args[len(named) :], kwargs=named | call.kwargs)


def _followed(course: Course, assignment: str, student: str, test: str) -> str:
    """Return with what a test passed in place of the student's functions when it was graded."""
    path = course.root / "autograded" / student / assignment / f"{assignment}.ipynb"
    try:
        cells = json.loads(path.read_bytes())["cells"]
        notes = [CellNote.read(cell) for cell in cells if cell.get("id") == test]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return "; ".join(note.followed.sentence() for note in notes if note and note.followed)


def text(test: ReplayedTest) -> str:
    """Return the calls as text, a paragraph each."""
    parts = [_paragraph(number, call) for number, call in enumerate(test.calls, 1)]
    if test.n_calls > len(test.calls):
        parts.append(f"{test.n_calls} calls were made; these are the first {len(parts)}")
    errors = _errors(test)
    parts.append(f"the test: {errors[0]}" if errors else "the test passes")
    return "\n\n".join([*parts, *([f"graded: {test.followed}"] if test.followed else [])])


def _paragraph(number: int, call: ReplayedCall) -> str:
    return (
        f"call {number}: {signature(call)}\n"
        f"  theirs:   {theirs(call)}\n  expected: {expected(call)}\n"
        f"  {call.summary or 'as it should be'}"
    )


def page(test: ReplayedTest, title: str) -> str:
    """Return the calls as an HTML page: theirs and expected side by side, differences marked."""
    calls = [
        {
            "call": call,
            "arguments": [(name, shown(value, LONGEST * 5)) for name, value in _arguments(call)],
            **_results(call),
        }
        for call in test.calls
    ]
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("course.report"),
    )
    return environment.get_template("replay.html").render(
        title=title,
        calls=calls,
        errors=_errors(test),
        n_calls=test.n_calls,
        followed=test.followed,
    )


def _arguments(call: ReplayedCall) -> list[tuple[str, Any]]:
    """Return the arguments of a call with their names, or else their places."""
    return [*((f"[{i}]", value) for i, value in enumerate(call.args)), *call.kwargs.items()]


def _results(call: ReplayedCall) -> dict[str, Any]:
    """Return both results for the page, and a picture if they differ."""
    one = None if call.error else call.value
    other = None if call.raised else call.wanted
    left, right = compared_results.sides(one, other, (theirs(call), expected(call)))
    return {"theirs": left, "expected": right, "plot": _plot(call) if call.differs else ""}


def _errors(test: ReplayedTest) -> list[str]:
    return [f"{o.ename}: {o.evalue}" for o in test.outputs if o.output_type == "error"]


def signature(call: ReplayedCall) -> str:
    """Return a call in Python's notation, long values cut."""
    args = [shown(arg) for arg in call.args]
    args += [f"{name}={shown(value)}" for name, value in call.kwargs.items()]
    return f"{call.name}({', '.join(args)})"


def theirs(call: ReplayedCall) -> str:
    """Return what came back from the student's function."""
    return f"raises {call.error}" if call.error else shown(call.value, LONGEST * 5)


def expected(call: ReplayedCall) -> str:
    """Return what a right function gives."""
    return f"raises {call.raised}" if call.raised else shown(call.wanted, LONGEST * 5)


def shown(value: Any, longest: int = LONGEST) -> str:
    """Return a value in as few characters as tell it."""
    if isinstance(value, np.ndarray):
        values = np.array2string(value, precision=4, threshold=60, edgeitems=2, separator=", ")
        text = f"array{value.shape} {' '.join(values.split())}"
    elif isinstance(value, dict):
        text = f"{{{', '.join(f'{k!r}: {shown(v, 80)}' for k, v in value.items())}}}"
    elif isinstance(value, (list, tuple)):
        text = f"[{', '.join(shown(item, 80) for item in value)}]"
    else:
        text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _plot(call: ReplayedCall) -> str:
    """Return a picture of both results as a data URI; nothing if they are not arrays alike."""
    a, b = compare.numbers(call.value), compare.numbers(call.wanted)
    if a is None or b is None or a.shape != b.shape or a.ndim not in (1, 2) or a.size < 2:
        return ""
    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    titles = ("theirs", "expected", "theirs − expected")
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
    for axis, values, name in zip(axes, (a, b, a - b), titles, strict=True):
        if a.ndim == 1:
            axis.plot(values, marker="." if a.size < 60 else "")
        else:
            most = np.nanmax(np.abs(values), initial=0.0) or 1.0
            image = axis.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
            figure.colorbar(image, ax=axis)
            for side in (axis.xaxis, axis.yaxis):
                side.set_major_locator(MaxNLocator(integer=True))
        axis.set_title(name, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def write(test: ReplayedTest, title: str, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(test, title), encoding="utf-8")
