"""Take the pictures of a student's texts: attachments, data URLs, and files beside the notebook.

All of them become attachments of the cell that shows them. PNG, JPEG and GIF are taken. SVG is not:
it can hold scripts. Pictures are not decoded here, since decoders have had holes; their headers say
what they are and how large.
"""

import base64
import binascii
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from urllib.parse import quote

from nbformat import NotebookNode
from PIL import Image

from autograder.cells import is_locked
from autograder.status import Reasons, one_line

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}
ENDING = re.compile(
    r".*\.(png|jpe?g|jfif|gif|svg|webp|bmp|tiff?|heic|heif|avif|pdf)", re.IGNORECASE | re.DOTALL
)  # of what may be meant as a picture
MOST = 20  # pictures of a submission
LARGEST = 8_000_000  # bytes of one
MOST_ATTACHED = 200  # that are looked at in a cell: each is looked for in its text
TOGETHER = 16_000_000  # bytes of all
PIXELS = 60_000_000  # a browser takes four bytes for each
DATA_URL = re.compile(r"data:image/[\w.+-]{1,30};base64,([A-Za-z0-9+/=]*)")
Bundle = Mapping[str, object]  # of an attachment: contents in base64, by MIME type


def take(notebook: NotebookNode, files: Mapping[str, bytes], reasons: Reasons) -> None:
    """Leave in each text of a student's the pictures that it shows, checked, and no others.

    Args:
        notebook: a submission, changed in place
        files: what was handed in, the notebook and what lies beside it
        reasons: to which it is added what was left out, and why
    """
    beside = {name: content for name, content in files.items() if ENDING.fullmatch(name)}
    album = _Album(beside, reasons)
    for cell in notebook.cells:
        if cell.cell_type != "code" and not is_locked(cell):
            album.fill(cell)


class _Album:
    """The pictures taken so far."""

    def __init__(self, files: Mapping[str, bytes], reasons: Reasons):
        self._files, self._reasons = files, reasons
        self._count, self._bytes = 0, 0

    def fill(self, cell: NotebookNode) -> None:
        """Give a cell the pictures that it shows."""
        shown = dict(self._shown(cell))
        taken = {name: self._taken(name, content, cell.id) for name, content in shown.items()}
        kept = {name: bundle for name, bundle in taken.items() if bundle}
        cell.pop("attachments", None)
        if kept:
            cell["attachments"] = NotebookNode(kept)

    def _shown(self, cell: NotebookNode) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents; data URLs in the text become references to attachments."""
        inline: list[str] = []

        def reference(match: re.Match[str]) -> str:
            inline.append(match[1])
            return f"attachment:picture-{len(inline)}"

        cell["source"] = DATA_URL.sub(reference, cell.source)
        for number, text in enumerate(inline, 1):
            yield f"picture-{number}", _decoded(text)
        for name, content in self._files.items():
            if is_mentioned(name, cell.source):
                yield name, content
        for name, bundle in islice(cell.get("attachments", {}).items(), MOST_ATTACHED):
            if is_mentioned(name, cell.source):
                yield name, _content(bundle)

    def _taken(self, name: str, content: bytes, where: str) -> dict[str, str]:
        """Return a picture as an attachment has it; nothing if it is not taken."""
        kind = _kind(content)
        if problem := self._problem(kind, content):
            self._reasons.add(f"left out what {problem}", f"{one_line(name)} in {where}")
            return {}
        self._count, self._bytes = self._count + 1, self._bytes + len(content)
        return {kind: base64.b64encode(content).decode()}

    def _problem(self, kind: str, content: bytes) -> str:
        if not kind:
            return f"is no PNG, JPEG or GIF of at most {PIXELS // 10**6} million pixels"
        if len(content) > LARGEST:
            return f"is a picture of more than {LARGEST // 10**6} MB"
        if self._count >= MOST or self._bytes + len(content) > TOGETHER:
            return f"comes after {MOST} pictures or {TOGETHER // 10**6} MB of them"
        return ""


def is_mentioned(name: str, text: str) -> bool:
    """Return whether a text names a file or an attachment, as it is or as an address has it."""
    return bool(name) and (name in text or quote(name) in text)


def _content(bundle: Bundle) -> bytes:
    """Return the first picture of an attachment; if it has none, whatever it holds."""
    pictures = [value for kind, value in bundle.items() if kind in KINDS.values()]
    return _decoded(next(iter([*pictures, *bundle.values()]), ""))


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _kind(content: bytes) -> str:
    """Return the MIME type that a picture's own header says; "" if it is none that is taken."""
    file, kinds = io.BytesIO(content), tuple(KINDS)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(file, formats=kinds) as image:
            return KINDS[str(image.format)] if image.width * image.height <= PIXELS else ""
    except Exception:  # the readers of headers raise anything, on purpose or not
        return ""
