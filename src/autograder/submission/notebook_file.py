"""Which file of a submission is its notebook, and the values of the JSON in it.

What a student hands in went through editors, mail, git and disks: it may have another name, be cut
short, in another encoding, or something else under this name.
"""

import ast
import json
import re
import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from autograder.status import Reasons, Unreadable, one_line

OTHER_SUFFIXES = (".json", ".txt")  # that programs add to .ipynb, or put in its place
NOT_WORK = ("timestamp.txt",)  # nbgrader's own
NAMED = 5  # files that a reason lists
BLANKS = b"\0 \t\r\n"
COPY = re.compile(r"(copy[-_ ]*\d*|\(\d+\))$")  # of a file, says the end of its name
CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)
OTHER_FILES = {  # by their first bytes
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive (or an Office document)",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


# Which file it is


@dataclass(frozen=True)
class NotebookChoice:
    """The notebook that is graded, and the others that are not."""

    name: str
    expected: str
    ignored: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Return what is worth saying about the choice, or ""."""
        parts = []
        if self.name != self.expected:
            parts.append(f"took {one_line(self.name)} for {self.expected}")
        if self.ignored:
            parts.append(f"ignored {_listed(self.ignored)}")
        return " and ".join(parts)


def choose_notebook(names: Iterable[str], expected: str) -> NotebookChoice:
    """Choose the notebook that was asked for, or the only one that can be meant.

    >>> choose_notebook(["notes.ipynb", "gpt2 (1).ipynb"], "gpt2.ipynb").reason
    'took gpt2 (1).ipynb for gpt2.ipynb and ignored notes.ipynb'

    Raises:
        Unreadable: there is no notebook, or several could be meant.
    """
    names = list(dict.fromkeys(names))
    notebooks = [name for name in names if _is_notebook(name)]
    notebooks = notebooks or [name for name in names if _is_renamed(name, expected)]
    if not notebooks:
        raise Unreadable(_none_there(names, expected))
    wanted = expected.removesuffix(".ipynb")
    for is_alike in (_is_equal, _is_simply_equal, _is_somewhere_in):
        alike = [name for name in notebooks if is_alike(PurePosixPath(name).stem, wanted)]
        if len(alike) > 1:
            raise Unreadable(f"it is not clear which notebook is meant: {_listed(alike)}")
        if alike or len(notebooks) == 1:
            (name,) = alike or notebooks
            others = tuple(other for other in notebooks if other != name)
            return NotebookChoice(name, expected, others)
    raise Unreadable(
        f"no notebook is called {expected}, and there are several: {_listed(notebooks)}"
    )


def _is_notebook(name: str) -> bool:
    """Return whether a file is what its name says, and not what a program left behind."""
    path = PurePosixPath(name)
    is_hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() == ".ipynb" and not is_hidden and "-checkpoint" not in path.stem


def _is_renamed(name: str, expected: str) -> bool:
    """Return whether a browser or mail program may have made this name of a notebook's.

    >>> [_is_renamed(name, "gpt2.ipynb") for name in ("Ann.ipynb.txt", "gpt2.json", "notes.txt")]
    [True, True, False]
    """
    path = PurePosixPath(name)
    if path.suffix.lower() not in OTHER_SUFFIXES or any(p.startswith(".") for p in path.parts):
        return False
    wanted, stem = PurePosixPath(expected).stem, path.name.removesuffix(path.suffix)
    is_called_notebook = _is_notebook(str(path.with_name(stem))) if stem else False
    return is_called_notebook or _is_simply_equal(stem, wanted)


def _none_there(names: list[str], expected: str) -> str:
    """Return that there is no notebook, and what is there instead."""
    others = sorted(name for name in names if name not in NOT_WORK)
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    there = f", and there is {_listed(others[:NAMED])}{more}" if others else ""
    return f"there is no notebook: {expected} is expected{there}"


def _is_equal(stem: str, wanted: str) -> bool:
    return stem == wanted


def _is_simply_equal(stem: str, wanted: str) -> bool:
    return _simple(stem) == _simple(wanted)


def _is_somewhere_in(stem: str, wanted: str) -> bool:
    """Return whether the name stands within another, as in Ann_Lee_gpt2_final."""
    return re.search(rf"(^|[\W_]){re.escape(_simple(wanted))}($|[\W_])", _simple(stem)) is not None


def _simple(stem: str) -> str:
    """Return a name without what systems add to copies: (1), -Copy1, Copy of, another ending."""
    simple = unicodedata.normalize("NFKC", stem).casefold().strip()
    simple = re.sub(r"\.(ipynb|txt|json)$", "", simple)
    simple = re.sub(r"^(copy|kopie) (of|von) ", "", simple)
    while copy := COPY.search(simple):
        simple = simple[: copy.start()].rstrip("-_ ")
    return simple.strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(one_line(name) for name in names)


# What is in it


def values(raw: bytes, reasons: Reasons) -> Any:
    """Return the values of a file's JSON.

    Raises:
        Unreadable: it holds none, or too deeply nested ones.
    """
    text = _text(raw, reasons)
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable(too_deep()) from None
    except json.JSONDecodeError as error:
        raise Unreadable(_why_not_json(text, error)) from None
    except ValueError:  # from int, whose own message is about Python
        raise Unreadable("the file is no notebook: it holds a number of too many digits") from None


def too_deep() -> str:
    """Return why values are refused that no notebook has and no program can walk."""
    return "the file is no notebook: its lists and objects are nested too deeply"


def _text(raw: bytes, reasons: Reasons) -> str:
    start = raw.lstrip(BLANKS)
    if not start.removeprefix(b"\xef\xbb\xbf").strip(BLANKS):
        raise Unreadable("the file is empty" + (": it holds nothing but blanks" if raw else ""))
    for first, kind in OTHER_FILES.items():
        if start.startswith(first):
            raise Unreadable(f"the file is {kind} and not a notebook")
    text = _decoded(raw, reasons)
    if "\0" in text:  # what a crash leaves on a disk that had not been written yet
        reasons.add("removed NUL bytes, which text never holds")
    return text.replace("\0", "")


def _decoded(raw: bytes, reasons: Reasons) -> str:
    encoding = json.detect_encoding(raw)
    if encoding != "utf-8":
        name = "UTF-8 with a byte order mark" if encoding == "utf-8-sig" else encoding[:6].upper()
        reasons.add(f"read the file as {name}: notebooks are plain UTF-8")
    if not encoding.startswith("utf-8"):
        return raw.decode(encoding, errors="replace")
    text = raw.decode(encoding, errors="surrogateescape")
    text, foreign = re.subn("[\udc80-\udcff]", _windows_character, text)
    if foreign:
        reasons.add(f"read {foreign} bytes that are not UTF-8 as Windows-1252")
    return text


def _windows_character(match: re.Match[str]) -> str:
    byte = bytes([ord(match[0]) - 0xDC00])
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        return byte.decode("latin-1")


def _why_not_json(text: str, error: json.JSONDecodeError) -> str:
    if conflict := CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        return (
            f"the file holds the marks of a git conflict ({conflict[1]} in line {line}): "
            "choose one of the versions and hand it in again"
        )
    start = text.lstrip()[:200].lower()
    if re.match(r"<(!doctype html|html|head|body)", start):
        return "the file is a web page and not a notebook: download the .ipynb file itself"
    if not start.startswith("{") and _is_python(text):
        return "the file is Python code and not a notebook: hand in the .ipynb file"
    if not start.startswith("{"):
        return f"the file is not a notebook: it begins with {one_line(text.lstrip()[:20])!r}"
    if _is_cut(text, error):
        return f"the file was cut short after line {text.count(chr(10)) + 1}: hand it in again"
    return f"the file is not valid JSON: {error.msg}, line {error.lineno}, column {error.colno}"


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    if error.msg.startswith("Unterminated string"):  # it would end at the line's end otherwise
        return True
    whole = text.rstrip()
    half_word = error.pos >= len(whole) - 6 and not whole.endswith("}")  # as in "tru" or "\u00"
    return error.pos >= len(whole) or half_word


def _is_python(text: str) -> bool:
    with warnings.catch_warnings():  # about strings like "\d", which are the student's business
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text[:1_000_000])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return any(not isinstance(node, ast.Expr) for node in tree.body)
