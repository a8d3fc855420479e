"""From the bytes of a file to the values of its JSON, or why it holds none.

What a student hands in went through editors, mail, git and disks: it may be cut short, in another
encoding, or something else under this name.
"""

import ast
import json
import re
import warnings
from typing import Any

from autograder.submission.reasons import Reasons, Unreadable, one_line

BLANKS = b"\0 \t\r\n"
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
