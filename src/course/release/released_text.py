"""All that can be read in a file of a release: text, and what archives and attachments hold."""

import base64
import binascii
import codecs
import contextlib
import gzip
import html
import io
import json
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

DEEPEST = 4  # archives in archives
DATA_URL = re.compile(r"data:[\w.+/-]{0,60};base64,([A-Za-z0-9+/=]+)")
TAGS = re.compile(r"<[^<>]*>")
MARKED = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def texts(name: str, content: bytes, depth: int = 0) -> Iterator[str]:
    """Yield the texts in a file, whatever it is, those of a notebook as they read on the screen.

    Args:
        name: of the file; its ending says how it is read
        content: of the file
        depth: how many archives it lies in

    >>> list(texts("a.html", b"<b>x</b> &lt; y"))
    ['<b>x</b> &lt; y', 'x < y']
    """
    for member, inner in _members(content) if depth < DEEPEST else ():
        yield from texts(member, inner, depth + 1)
    text = content.decode("utf-16" if content.startswith(MARKED) else "utf-8", errors="replace")
    try:
        strings = list(_strings(json.loads(text))) if name.endswith(".ipynb") else [text]
    except ValueError:
        strings = [text]
    for string in strings:
        yield string
        for encoded in DATA_URL.findall(string):
            yield from texts("", _decoded(encoded), depth + 1)
    if name.lower().endswith((".html", ".htm", ".svg", ".xml")):
        yield html.unescape(TAGS.sub("", text))


def _members(content: bytes) -> list[tuple[str, bytes]]:
    """Return the files in an archive, by name; none if it is no archive or a broken one."""
    with contextlib.suppress(OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile):
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return [(name, archive.read(name)) for name in archive.namelist()]
        if content.startswith(b"\x1f\x8b"):
            return [("", gzip.decompress(content))]
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            files = [(member.name, tar.extractfile(member)) for member in tar]
            return [(name, file.read()) for name, file in files if file]
    return []


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in JSON, those that hold an attachment decoded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        joined = all(isinstance(item, str) for item in value)  # a source, line by line
        yield from ["".join(value)] if joined else (s for item in value for s in _strings(item))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            is_content = "/" in key and isinstance(item, str)  # of a MIME type
            yield from [_decoded(item).decode(errors="replace")] if is_content else []
            yield from _strings(item)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""
