"""Search a finished page for secrets, before it is written.

Every line of a hidden test, a solution or a model answer, of every master in the course, is
searched for in the text of the page, regardless of colours, escapes, white space and line breaks.
Lines that the student wrote, or that stand in the release, are not secret.
"""

import html
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.regions import HIDDEN_TESTS, SOLUTION
from course.feedback.mark_scheme import scheme
from course.release import leaks

_BLOCK_NAMES = (
    "address article aside blockquote body br dd details div dl dt footer h1 h2 h3 h4 h5 h6 head "
    "header hr html img li main nav ol p pre section style summary table tbody td th thead title "
    "tr ul"
)
BLOCKS = frozenset(_BLOCK_NAMES.split())
BETWEEN = re.compile(r"\$[^$]*\$|[*_`#|]+|\[|\]\([^)]*\)|(?<=[.!?])\s+")
SENTENCE = 40  # characters; shorter pieces of prose come together by chance
# No < inside of it: a page writes &lt;, and each start would otherwise be followed to the end
TAG = re.compile(
    r"""</?(?P<name>[a-zA-Z][\w-]*)(?P<rest>(?:"[^"<]*"|'[^'<]*'|[^'"<>])*+)>""", re.DOTALL
)
VALUES = re.compile(r"""(?<==["'])[^"']*""")
COMMENT = re.compile(r"\s+#.*")


class PageRefused(Exception):  # noqa: N818  (staff read it)
    """The page shows a secret; the message names it in one line."""


@dataclass(frozen=True)
class Secret:
    """A secret line and where it comes from."""

    squeezed: str  # without white space
    line: str
    origin: str


def secrets_of(name: str, master: NotebookNode, schemes: Collection[str]) -> Iterator[Secret]:
    """Yield the secret lines of a master.

    Args:
        name: the assignment's
        master: the notebook
        schemes: the secret halves of mark schemes: ``model``, ``rubric``
    """
    for region, what in ((HIDDEN_TESTS, "a hidden test"), (SOLUTION, "a solution")):
        yield from _lines(master, region, f"{what} of {name}")
    for cell in master.cells:
        parts = scheme(cell.source)
        for line in "\n".join(getattr(parts, half) for half in schemes).splitlines():
            for piece in BETWEEN.split(line):  # sentence by sentence, without markup
                if len(piece.strip()) >= SENTENCE:
                    yield from _secret(piece, f"the mark scheme of {cell.id}")


def hidden_in(graded: NotebookNode) -> Iterator[Secret]:
    """Yield the hidden tests in a graded notebook, which may come from an older master."""
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
    """Return the secrets that a page shows.

    Args:
        page: HTML
        secrets: what it must not show
        known: texts that the student has anyway
    """
    page_text = SearchableText(text_of(page))
    shown = [secret for secret in secrets if page_text.has(secret)]
    if not shown:
        return []
    known_text = SearchableText("\n".join(known))
    return [secret for secret in shown if not known_text.has(secret)]


class SearchableText:
    """A text prepared for searching."""

    def __init__(self, text: str):
        self._squeezed = "".join(text.split())
        self._lines = {"".join(line.split()) for line in text.splitlines()}

    def has(self, secret: Secret) -> bool:
        """Return whether a secret is here: a short one as a whole line, a long one anywhere."""
        if len(secret.line) >= leaks.LONG:
            return secret.squeezed in self._squeezed
        return secret.squeezed in self._lines


def text_of(page: str) -> str:
    """Return the text of a page with attributes and comments, one line for each block."""
    aside: list[str] = []

    def without(tag: re.Match[str]) -> str:
        aside.extend(VALUES.findall(tag["rest"]))
        return "\n" if tag["name"].lower() in BLOCKS else ""

    first, *others = page.split("<!--")
    parts = [other.partition("-->") for other in others]
    aside.extend(comment for comment, _, _ in parts)
    text = TAG.sub(without, "".join((first, *(rest for _, _, rest in parts))))
    long_enough = (value for value in aside if len(value) >= leaks.TELLING)
    kept = (value for value in long_enough if not value.startswith("data:image/"))
    return html.unescape("\n".join((text, *kept)))
