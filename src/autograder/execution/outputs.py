"""The outputs that a kernel reports, made harmless before they enter a notebook.

Only plain text, pictures and errors are kept, limited in size, and nothing that a browser would
run.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.cell_notes import FollowedTest

Output = Mapping[str, Any]  # of a kernel, or of a notebook that may be damaged
TEXT = ("text/plain",)  # not LaTeX: in a page, MathJax would follow its links
PICTURES = {"image/png": b"\x89PNG\r\n", "image/jpeg": b"\xff\xd8\xff"}
TEXT_CHARACTERS = 1_100_000  # a little more than a kernel keeps by itself
PICTURE_CHARACTERS = 8_000_000
CELL_OUTPUTS = 500
ALL_OUTPUTS = 20_000_000  # characters of a submission's
CUT_TO = 200  # characters of each output beyond
CUT = f"outputs beyond {ALL_OUTPUTS // 1_000_000} MB were cut"


def clean(raw: Sequence[Output]) -> list[NotebookNode]:
    """Return the outputs that may be kept, as a notebook has them.

    >>> clean([{"output_type": "stream", "name": "stdout", "text": "3"}, {"output_type": "?"}])
    [{'output_type': 'stream', 'name': 'stdout', 'text': '3'}]
    """
    return list(_clean(_bounded(raw)))


@dataclass
class Room:
    """How much all outputs of a submission may hold together; what is beyond is cut.

    An output decides marks by being there: an error, a stream to stderr, a result. So each stays,
    but short.
    """

    left: int = ALL_OUTPUTS  # characters
    is_full: bool = False

    def cut(self, of_cell: list[NotebookNode]) -> list[NotebookNode]:
        """Return the outputs of the next cell, cut."""
        return [self._cut(output) for output in of_cell]

    def _cut(self, output: NotebookNode) -> NotebookNode:
        size = len(json.dumps(output))
        if size <= self.left:
            self.left -= size
            return output
        self.is_full = True
        short = NotebookNode(output)
        if output.output_type == "stream":
            short["text"] = output.text[:CUT_TO]
        elif output.output_type == "error":
            short["evalue"], short["traceback"] = output.evalue[:CUT_TO], []
        else:
            short["data"] = {"text/plain": output.data.get("text/plain", "(cut)")[:CUT_TO]}
        return short


def failure(name: str, text: str) -> list[NotebookNode]:
    """Return the outputs of a cell that the autograder itself has ended with an error."""
    return [new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])]


def points(
    before: Sequence[NotebookNode], followed: FollowedTest, complained: bool
) -> list[NotebookNode]:
    """Return the outputs of a test that has failed and has points: nbgrader reads them from these.

    Args:
        before: what it showed when it failed
        followed: what it passed with
        complained: something was written to stderr when it passed: what, nobody is told
    """
    error = followed.error
    told = f"{error.get('ename')}: {error.get('evalue')}\n{followed.sentence()}\n"
    kept = [output for output in before if output.output_type in ("stream", "display_data")]
    kept = [output for output in kept if output.get("name") != "stderr"]
    if complained:  # nbgrader gives no points for that, unless it is told to ignore it
        kept.append(new_output("stream", name="stderr", text="(written to stderr)\n"))
    data = {"text/plain": f"{followed.points:g}"}
    return [
        *kept,
        new_output("stream", name="stdout", text=told),
        new_output("execute_result", data=data),
    ]


def points_in(left: Sequence[NotebookNode]) -> float:
    """Return the points that nbgrader reads in what ``points`` has returned.

    >>> points_in([new_output("execute_result", data={"text/plain": "2.5"})])
    2.5
    """
    complained = any(output.get("name") == "stderr" for output in left)
    return 0.0 if complained else float(left[-1].data["text/plain"])


def _bounded(raw: Sequence[Output]) -> list[Output]:
    """Return the first outputs, and an error behind them, since a mark depends on it."""
    errors = (output for output in raw[CELL_OUTPUTS:] if output.get("output_type") == "error")
    return [*raw[:CELL_OUTPUTS], *islice(errors, 1)]


def _clean(raw: Iterable[Output]) -> Iterator[NotebookNode]:
    left = TEXT_CHARACTERS
    for output in raw:
        kind = output.get("output_type")
        if kind == "stream" and output.get("name") in ("stdout", "stderr"):
            text = _text(output.get("text"))[: max(left, 0)]
            left -= len(text)
            yield new_output("stream", name=output["name"], text=text)
        elif kind == "error":
            yield _error(output)
        elif kind in ("display_data", "execute_result"):
            more = {"execution_count": None} if kind == "execute_result" else {}
            if data := _data(output.get("data")):
                yield new_output(kind, data=data, **more)


def _error(output: Output) -> NotebookNode:
    lines = output.get("traceback")
    error: NotebookNode = new_output(
        "error",
        ename=_text(output.get("ename"))[:200],
        evalue=_text(output.get("evalue"))[:20_000],
        traceback=[_text(line)[:20_000] for line in lines[:200]] if isinstance(lines, list) else [],
    )
    return error


def _data(data: Any) -> dict[str, str]:
    """Return the texts and pictures of a display."""
    if not isinstance(data, Mapping):
        return {}
    texts = {kind: _text(data[kind])[:TEXT_CHARACTERS] for kind in TEXT if kind in data}
    pictures = {kind: "".join(data[kind].split()) for kind in PICTURES if _is_picture(data, kind)}
    return texts | pictures


def _is_picture(data: Mapping[str, Any], kind: str) -> bool:
    picture = data.get(kind)
    if not isinstance(picture, str) or len(picture) > PICTURE_CHARACTERS:
        return False
    try:
        return base64.b64decode(picture, validate=False).startswith(PICTURES[kind])
    except (binascii.Error, ValueError):
        return False


def _text(value: Any) -> str:
    """Return text that any file can hold, without lone surrogates."""
    text = value if isinstance(value, str) else ""
    return text.encode("utf-8", errors="replace").decode("utf-8")
