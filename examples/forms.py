"""What happens to notebooks besides being solved: other kernels, other editors, outputs, notes.

Each function changes a notebook in place. This module does not know who handed it in.
"""

import base64
import re
import struct
import zlib

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output


def rename_kernel(notebook: NotebookNode) -> None:
    """Run in an environment that exists on the student's own computer only."""
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3.12 (myenv)",
        "language": "python",
        "name": "python3.12-myenv",
    }
    notebook.metadata["language_info"] = {"name": "python", "version": "3.12.4"}


def add_cells(notebook: NotebookNode) -> None:
    """Put notes and scratch cells between the given ones, as one does while working."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type != "code" or not cell.id.endswith("-solution"):
            continue
        cells += [
            new_markdown_cell(
                f"*Notes: {cell.id} done, ask in class about shapes*", id=f"note-{cell.id}"
            ),
            new_code_cell(
                "# scratch\nx = np.arange(6.0).reshape(2, 3)\nprint(x.shape, x.sum(axis=1))\nx",
                id=f"scratch-{cell.id}",
            ),
            new_code_cell("", id=f"empty-{cell.id}"),
        ]
    cells.append(new_code_cell("%timeit -n 1 -r 1 sum(range(1000))\n!echo done", id="scratch-last"))
    notebook.cells = cells


def add_failing_cell(notebook: NotebookNode) -> None:
    """Leave a scratch cell behind that ends in an error."""
    notebook.cells.insert(
        4, new_code_cell("weights_of_my_own = load_from_my_computer()", id="scratch-fails")
    )


def keep_outputs(notebook: NotebookNode) -> None:
    """Show every code cell as executed, with outputs of the kinds that ours have."""
    count = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        count += 1
        cell["execution_count"] = count
        cell["outputs"] = _outputs(cell)


def _outputs(cell: NotebookNode) -> list[NotebookNode]:
    outputs = []
    if "tqdm(" in cell.source:
        bar = "writing: 100%|██████████| 128/128 [00:11<00:00, 11.32it/s]\r"
        outputs.append(new_output("stream", name="stderr", text=bar))
    printed = re.findall(r'^print\("([^"{]*)"\)$', cell.source, flags=re.MULTILINE)
    if printed:
        outputs.append(new_output("stream", name="stdout", text="\n".join(printed) + "\n"))
    if "plots" in cell.source or "plt." in cell.source:
        data = {"image/png": base64.b64encode(_picture()).decode(), "text/plain": "<Figure>"}
        outputs.append(new_output("display_data", data=data, metadata={}))
    return outputs


def _picture() -> bytes:
    """Return a white PNG of 32 by 32."""
    rows = (b"\0" + b"\xff" * 32) * 32

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def strip_metadata(notebook: NotebookNode) -> None:
    """Write the file with an editor that keeps cell ids and drops metadata that it doesn't know."""
    for cell in notebook.cells:
        cell["metadata"] = NotebookNode()
    notebook["metadata"] = NotebookNode(
        colab=NotebookNode(provenance=[]),
        kernelspec=NotebookNode(display_name="Python 3", name="python3"),
        language_info=NotebookNode(name="python"),
    )


def copy_cells(notebook: NotebookNode) -> None:
    """Copy one solution and one test cell with all that belongs to them, as Jupyter does."""
    kinds = {"-solution": False, "-test": False}
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        for ending, done in kinds.items():
            if cell.cell_type == "code" and cell.id.endswith(ending) and not done:
                kinds[ending] = True
                cells.append(NotebookNode({**cell, "id": f"copy-of-{cell.id}"}))
    notebook.cells = cells


def soften_tests(notebook: NotebookNode) -> None:
    """Replace every graded test by a line that always passes."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = 'print("all tests passed")'
