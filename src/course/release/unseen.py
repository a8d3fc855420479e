"""Find what lies in a release and is shown nowhere in it: pictures and files of model answers.

A mark scheme that is cut out of a cell leaves the attachments that it showed.
"""

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder import regions
from autograder.cells import is_answer
from autograder.submission.pictures import is_mentioned


def drop_attachments(notebook: NotebookNode) -> None:
    """Take away the attachments that a cell does not show; the notebook is changed in place."""
    for cell in notebook.cells:
        kept = {n: part for n, part in _attachments(cell) if is_mentioned(n, cell.source)}
        cell.pop("attachments", None)
        if kept:
            cell["attachments"] = NotebookNode(kept)


def find(master: NotebookNode, source: Path, built: Path) -> Iterator[str]:
    """Yield a complaint for each attachment and file that only staff are to see.

    Args:
        master: the notebook with solutions and mark schemes
        source: the folder that it lies in
        built: the release
    """
    released = {path: nbformat.read(path, as_version=4) for path in _notebooks(built)}
    text = "\n".join(cell.source for notebook in released.values() for cell in notebook.cells)
    for path, notebook in released.items():
        for cell in notebook.cells:
            yield from (
                f"{path.relative_to(built)} holds the attachment {name} of {cell.id}, and no text "
                "shows it"
                for name, _ in _attachments(cell)
                if not is_mentioned(name, cell.source)
            )
    yield from _files(master, source, built, text)


def _files(master: NotebookNode, source: Path, built: Path, text: str) -> Iterator[str]:
    """Yield a complaint for each file that stands in a region only, or is such an attachment."""
    asides = "\n".join(_aside(cell) for cell in master.cells)
    secret = {
        path.read_bytes(): path.name
        for path in source.rglob("*")
        if path.is_file() and is_mentioned(path.name, asides) and path.name not in text
    }
    for cell in master.cells:
        for name, bundle in _attachments(cell):
            if is_mentioned(name, asides) and not is_mentioned(name, text):
                secret |= {_decoded(content): name for content in bundle.values()}
    for path in sorted(path for path in built.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if content and content in secret:
            shown = f"{secret[content]}, which the release does not show"
            yield f"{path.relative_to(built)} is {shown}"
    for path in _notebooks(built):
        for cell in nbformat.read(path, as_version=4).cells:
            for shown, bundle in _attachments(cell):
                if any(_decoded(content) in secret for content in bundle.values()):
                    yield f"{path.relative_to(built)} shows {shown}, which is for staff"


def _aside(cell: NotebookNode) -> str:
    """Return what of a cell staff alone are to read, apart from solutions."""
    if is_answer(cell):
        return str(cell.source)
    kinds = (regions.HIDDEN_TESTS, regions.MARK_SCHEME)
    return "\n".join(part.text for kind in kinds for part in regions.find(cell.source, kind))


def _notebooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.ipynb") if path.is_file())


def _attachments(cell: NotebookNode) -> list[tuple[str, dict[str, str]]]:
    return list(cell.get("attachments", {}).items())


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content)
    except (binascii.Error, ValueError):
        return content.encode()
