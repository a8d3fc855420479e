"""Notebooks that are not what they were handed out as: other tests, other marks, other cells.

``@RECORDER@`` is a file outside, which code of these would write if it ran outside.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.autograder.adversaries.kinds import GELU_TESTS, Adversary

EVIL = "open('@RECORDER@', 'w').write('I was here')\nimport sys\nsys.displayhook(10.0)"
METADATA = {
    "grade": True,
    "locked": True,
    "solution": False,
    "task": False,
    "points": 1000,
    "schema_version": 3,
    "cell_type": "code",
}


def _tests(notebook: NotebookNode) -> list[NotebookNode]:
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]


def thousand_points(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.metadata.nbgrader["points"] = 1000
        cell.metadata.nbgrader["max_score"] = 1000


def soften(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell.source = EVIL


def drop_tests(notebook: NotebookNode) -> None:
    notebook.cells = [c for c in notebook.cells if c not in _tests(notebook)]


def swap_names(notebook: NotebookNode) -> None:
    """Let the first solution say that it is the wrong network's test, and the other way round."""
    by_id = {cell.id: cell for cell in notebook.cells}
    one, other = by_id["b-1-1-solution"], by_id["b-2-1-test"]
    one.metadata, other.metadata = other.metadata, one.metadata
    one["id"], other["id"] = other.id, one.id


def own_tests(notebook: NotebookNode) -> None:
    """Add cells that say they are tests, locked and graded, known and unknown."""
    for name in ("b-2-1-test", "my-own-test", "a-setup", "../../x", "b-2-1-test-bias"):
        cell = new_code_cell(EVIL, metadata={"nbgrader": {**METADATA, "grade_id": name}})
        cell["id"] = f"own-{len(notebook.cells)}"
        notebook.cells.insert(1, cell)
        notebook.cells.append(NotebookNode({**cell, "id": f"{cell.id}-end"}))


def forged_outputs(notebook: NotebookNode) -> None:
    """Bring outputs along that are worth full marks."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell["outputs"] = [
                NotebookNode(
                    output_type="execute_result",
                    execution_count=1,
                    metadata={},
                    data={"text/plain": "1000.0", "text/html": "<script>alert(1)</script>"},
                )
            ]


def other_kernel(notebook: NotebookNode) -> None:
    """Ask for a kernel that is a command."""
    notebook.metadata["kernelspec"] = {
        "name": "../../evil",
        "display_name": "<img src=x onerror=alert(1)>",
        "language": "python",
        "argv": ["/bin/sh", "-c", "touch @RECORDER@"],
    }
    notebook.metadata["autograder"] = {"status": "graded", "reasons": ["full marks"]}


def tagged(notebook: NotebookNode) -> None:
    """Tag tests so that they are skipped."""
    for cell in notebook.cells:
        cell.metadata["tags"] = ["demo", "remove_cell", "skip-execution", "raises-exception"]


def markdown_tests(notebook: NotebookNode) -> None:
    for cell in _tests(notebook):
        cell["cell_type"] = "markdown"
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def copied_tests(notebook: NotebookNode) -> None:
    """Put a test that passes before each test, with the same id and metadata."""
    cells = []
    for cell in notebook.cells:
        if cell in _tests(notebook):
            cells.append(NotebookNode({**cell, "source": EVIL}))
        cells.append(cell)
    notebook.cells = cells


def strange_metadata(notebook: NotebookNode) -> None:
    """Put what is no metadata where metadata is."""
    for i, cell in enumerate(_tests(notebook)):
        cell.metadata["nbgrader"] = [
            None,
            [],
            "x",
            7,
            {},
            {**METADATA, "grade_id": 7},
            {"grade": "yes", "points": "NaN"},
            {**METADATA, "grade_id": "b-2-1-test", "points": -1e308},
        ][i % 8]


def magics(notebook: NotebookNode) -> None:
    """Run shell commands by the ways that IPython has."""
    notebook.cells.insert(
        1,
        new_code_cell(
            "!touch @RECORDER@\n%cd /\n%env HOME=/\nget_ipython().system('touch @RECORDER@')\n"
            "%reset -f\n%xmode Minimal\n%load_ext autoreload\n%autoreload 2",
            id="own-magics",
        ),
    )
    notebook.cells.insert(2, new_code_cell("%%bash\ntouch @RECORDER@\nkill -9 -1", id="own-bash"))


FORMS = (
    thousand_points,
    soften,
    drop_tests,
    swap_names,
    own_tests,
    forged_outputs,
    other_kernel,
    tagged,
    markdown_tests,
    copied_tests,
    strange_metadata,
    magics,
)
ALL = tuple(
    Adversary(
        form.__name__.replace("_", "-"),
        (form.__doc__ or "changes the tests").strip(),
        forms=(form,),
        statuses=("graded", "repaired", "crashed"),
        costs=GELU_TESTS if form is swap_names else (),  # it gave its gelu a test's name
    )
    for form in FORMS
)
