"""What a kernel says a cell has shown, made harmless before it enters a notebook.

Of what comes from a kernel only plain text, pictures and errors are kept, in bounds, and nothing
that a browser would run. This module does not know which kernel an output is from.
"""

import base64
import binascii
from collections.abc import Iterator
from itertools import islice
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

TEXT = ("text/plain",)  # not LaTeX: in a page, MathJax would follow its links
PICTURES = {"image/png": b"\x89PNG\r\n", "image/jpeg": b"\xff\xd8\xff"}
TEXT_CHARACTERS = 1_100_000  # a little more than a kernel keeps by itself
PICTURE_CHARACTERS = 8_000_000
CELL_OUTPUTS = 500


def clean(raw: Any) -> list[NotebookNode]:
    """Return the outputs that are fit to be kept, as a notebook has them."""
    return list(_clean(_bounded(raw) if isinstance(raw, list) else []))


def failure(name: str, text: str) -> list[NotebookNode]:
    """Return the outputs of a cell that ended with an error of the test kernel's own."""
    return [new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])]


def _bounded(raw: list[Any]) -> list[Any]:
    """Return the first outputs, and an error behind them: it is what a mark depends on."""
    errors = (
        o for o in raw[CELL_OUTPUTS:] if isinstance(o, dict) and o.get("output_type") == "error"
    )
    return raw[:CELL_OUTPUTS] + list(islice(errors, 1))


def _clean(raw: list[Any]) -> Iterator[NotebookNode]:
    left = TEXT_CHARACTERS
    for output in raw:
        if not isinstance(output, dict):
            continue
        kind = output.get("output_type")
        if kind == "stream" and output.get("name") in ("stdout", "stderr"):
            text = _text(output.get("text"))[: max(left, 0)]
            left -= len(text)
            yield new_output("stream", name=output["name"], text=text)
        elif kind == "error":
            lines = output.get("traceback")
            yield new_output(
                "error",
                ename=_text(output.get("ename"))[:200],
                evalue=_text(output.get("evalue"))[:20_000],
                traceback=[_text(line)[:20_000] for line in lines[:200]]
                if isinstance(lines, list)
                else [],
            )
        elif kind in ("display_data", "execute_result"):
            data = output.get("data")
            kept = _data(data) if isinstance(data, dict) else {}
            more = {"execution_count": None} if kind == "execute_result" else {}
            if kept:
                yield new_output(kind, data=kept, **more)


def _data(data: dict[Any, Any]) -> dict[str, str]:
    kept = {kind: _text(data[kind])[:TEXT_CHARACTERS] for kind in TEXT if kind in data}
    for kind, signature in PICTURES.items():
        picture = data.get(kind)
        if isinstance(picture, str) and len(picture) <= PICTURE_CHARACTERS:
            try:
                if base64.b64decode(picture, validate=False).startswith(signature):
                    kept[kind] = "".join(picture.split())
            except (binascii.Error, ValueError):
                continue
    return kept


def _text(value: Any) -> str:
    """Return text that any file can hold: no lone surrogates."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", errors="replace").decode("utf-8")
