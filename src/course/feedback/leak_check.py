"""The last look at a page before it is written: does it tell what students must not read?

Every line of a hidden test, of a solution and of a model answer, of all masters at hand, is
searched in what the page says, however that is coloured, escaped, spaced or broken into lines.
Lines that the release has, or that the student wrote, are no secrets from the student.

This module does not know how a page is made.
"""

import html
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.regions import HIDDEN_TESTS, SOLUTION
from course.feedback.mark_scheme import scheme
from course.release import leaks

BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "img",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "style",
        "summary",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    }
)
BETWEEN = re.compile(r"\$[^$]*\$|[*_`#|]+|\[|\]\([^)]*\)|(?<=[.!?])\s+")
SENTENCE = 40  # characters; shorter pieces of prose come together by chance
TAG = re.compile(
    r"""<!--(?P<comment>.*?)-->|</?(?P<name>[a-zA-Z][\w-]*)(?P<rest>(?:"[^"]*"|'[^']*'|[^'">])*)>""",
    re.DOTALL,
)
VALUES = re.compile(r"""(?<==["'])[^"']*""")
COMMENT = re.compile(r"\s+#.*")


class PageRefused(Exception):  # noqa: N818  (staff read it)
    """A page would have told a secret; the message says which, in one line."""


@dataclass(frozen=True)
class Secret:
    """A line, as it is searched for, and where it comes from."""

    squeezed: str  # without any white space
    line: str
    origin: str


def secrets_of(name: str, master: NotebookNode, schemes: Collection[str]) -> Iterator[Secret]:
    """Yield what a master has that no student may read.

    Args:
        name: the assignment's
        master: the notebook
        schemes: which halves of mark schemes are secret, ``model`` and ``rubric``
    """
    for region, what in ((HIDDEN_TESTS, "a hidden test"), (SOLUTION, "a solution")):
        yield from _lines(master, region, f"{what} of {name}")
    for cell in master.cells:
        found = scheme(cell.source)
        for line in "\n".join(getattr(found, half) for half in schemes).splitlines():
            for piece in BETWEEN.split(line):  # what markdown leaves as it is, by sentences
                if len(piece.strip()) >= SENTENCE:
                    yield from _secret(piece, f"the mark scheme of {cell.id}")


def hidden_in(graded: NotebookNode) -> Iterator[Secret]:
    """Yield the hidden tests that a notebook was graded with, which may be an older master's."""
    yield from _lines(graded, HIDDEN_TESTS, "a hidden test that it was graded with")


def _lines(notebook: NotebookNode, region: str, origin: str) -> Iterator[Secret]:
    for line in leaks.secret_lines(notebook, (region,)):
        for text in {line, COMMENT.sub("", line)}:
            yield from _secret(text, origin)


def _secret(text: str, origin: str) -> Iterator[Secret]:
    line = " ".join(text.split())
    if len(line) >= leaks.TELLING:
        yield Secret("".join(text.split()), line, origin)


def told(page: str, secrets: Iterable[Secret], known: Iterable[str]) -> list[Secret]:
    """Return the secrets that a page tells.

    Args:
        page: HTML
        secrets: what it must not tell
        known: texts that the student has anyway
    """
    said = Said(text_of(page))
    if found := [secret for secret in secrets if said.has(secret)]:
        theirs = Said("\n".join(known))
        found = [secret for secret in found if not theirs.has(secret)]
    return found


class Said:
    """A text to search in."""

    def __init__(self, text: str):
        self._squeezed = "".join(text.split())
        self._lines = {"".join(line.split()) for line in text.splitlines()}

    def has(self, secret: Secret) -> bool:
        """Return whether a secret is told: a short one fills a line, a long one stands anywhere."""
        if len(secret.line) >= leaks.LONG:
            return secret.squeezed in self._squeezed
        return secret.squeezed in self._lines


def text_of(page: str) -> str:
    """Return all that a page says, attributes and comments included, a line for each block."""
    aside: list[str] = []

    def without(tag: re.Match[str]) -> str:
        aside.extend(VALUES.findall(tag["rest"] or ""))
        aside.append(tag["comment"] or "")
        return "\n" if (tag["name"] or "").lower() in BLOCKS else ""

    text = TAG.sub(without, page)
    said = (value for value in aside if len(value) >= leaks.TELLING)
    kept = (value for value in said if not value.startswith("data:image/"))
    return html.unescape("\n".join((text, *kept)))
