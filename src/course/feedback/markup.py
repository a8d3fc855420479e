"""Markdown, code and outputs as HTML that runs nothing and loads nothing.

Only tags that format text are kept. Pictures are shown that are attached to their cell (see
autograder.submission.pictures). Any other becomes its description, since loading one from elsewhere
would tell a third party who reads the page.
"""

import html
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from urllib.parse import unquote

from markupsafe import Markup
from nbconvert.filters.ansi import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.execution import outputs
from seqlab.mathml import mathml

# What sets text and runs nothing. No img: a picture from elsewhere tells who reads.
TAG_NAMES = (
    "p br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd a em strong i b u s del sub sup code pre kbd "
    "blockquote table thead tbody tr th td abbr span div q small mark"
)
TAGS = TAG_NAMES.split()
ATTRIBUTES = {"a": ["href", "title"], "abbr": ["title"], "ol": ["start"], "span": ["class"]}
LONGEST_MARKDOWN = 10_000  # characters that are formatted, and
LONGEST_CODE = 20_000  # that are coloured: some take time as the square of their length
MANY_BLANKS = re.compile(r"\s{200}")
MARKS = "\ue000", "\ue001"  # around the number of a formula while the text is sanitized
FORMULA = re.compile(f"{MARKS[0]}(\\d+){MARKS[1]}")
HEADINGS = re.compile(r"(</?h)([1-6])\b")
DEEPEST = 6
LONGEST_TEXT = 20_000  # characters per output
MOST_OUTPUTS = 40  # per cell
PICTURE_KINDS = ("image/png", "image/jpeg", "image/gif")
WHOLE_TAGS = re.compile(r"(?:[^<>]*+<[^<>]*+>)*+[^<>]*+")  # none of them inside another
PICTURE_TAG = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
VALUE = r"""=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
SOURCE, DESCRIPTION = (re.compile(rf"\b{name}{VALUE}", re.IGNORECASE) for name in ("src", "alt"))
Attachments = Mapping[str, Mapping[str, str]]  # pictures in base64, by name and MIME type
NONE: Attachments = MappingProxyType({})


class _Renderer(IPythonRenderer):
    """Renders markdown and keeps formulas and pictures apart from sanitizing."""

    def __init__(self, attachments: Attachments) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.pictures = attachments
        self.formulas: list[str] = []

    def inline_math(self, body: str) -> str:
        """Replace an inline formula by a marker."""
        return self._aside(mathml(body, block=False))

    def block_math(self, body: str) -> str:
        """Replace a displayed formula by a marker."""
        return self._aside(f'<span class="formula" tabindex="0">{mathml(body, block=True)}</span>')

    def latex_environment(self, name: str, body: str) -> str:
        """Replace a LaTeX environment by a marker."""
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Replace a picture by a marker if it is attached, otherwise by its description."""
        name = posixpath.normpath(unquote(html.unescape(url)).removeprefix("attachment:"))
        for kind in PICTURE_KINDS:
            if kind in self.pictures.get(name, {}):
                picture = Markup('<img src="data:{};base64,{}" alt="{}">')
                return self._aside(picture.format(kind, self.pictures[name][kind], text))
        return html.escape(f"[picture: {text or _file_name(name)}]")

    def inline_html(self, html: str) -> str:
        """Replace the pictures among HTML in a line."""
        return super().inline_html(self._pictured(html))

    def block_html(self, html: str) -> str:
        """Replace the pictures in a block of HTML."""
        return super().block_html(self._pictured(html))

    def _pictured(self, source: str) -> str:
        if not WHOLE_TAGS.fullmatch(source):  # a marker must not stand in an attribute
            return source
        return PICTURE_TAG.sub(lambda tag: self.image(*_described(tag[0])), source)

    def _aside(self, formula: str) -> str:
        self.formulas.append(formula)
        return f"{MARKS[0]}{len(self.formulas) - 1}{MARKS[1]}"


def _described(tag: str) -> tuple[str, str]:
    """Return description and address of a picture's tag.

    >>> _described("<img src='a.png' alt=loss>")
    ('loss', 'a.png')
    """
    values = [form.search(tag) for form in (DESCRIPTION, SOURCE)]
    alt, src = (html.unescape(next(filter(None, v.groups()), "")) if v else "" for v in values)
    return alt, src


def _file_name(url: str) -> str:
    return "in the text" if url.startswith("data:") else posixpath.basename(url)


def markdown(source: str, below: int = 0, attachments: Attachments = NONE) -> Markup:
    """Return markdown as HTML.

    Args:
        source: markdown
        below: by how many levels headings are deeper
        attachments: of the cell, which it may show
    """
    return _html(source, below, attachments) if attachments else _kept_html(source, below)


@lru_cache(maxsize=1000)  # provided cells are the same for everybody
def _kept_html(source: str, below: int) -> Markup:
    return _html(source, below, NONE)


def _html(source: str, below: int, attachments: Attachments) -> Markup:
    """Return markdown as HTML; a very long text as it is."""
    if not is_short(source, LONGEST_MARKDOWN):
        return plain(source)
    try:
        return _formatted(source, below, attachments)
    except RecursionError:  # quotes in lists in quotes
        return plain(source)


def plain(source: str) -> Markup:
    """Return text as it was written."""
    return Markup('<pre class="plain">{}</pre>').format(source)


def is_short(source: str, most: int) -> bool:
    """Return whether a text can be formatted in a short time."""
    return len(source) <= most and not MANY_BLANKS.search(source)


def _formatted(source: str, below: int, attachments: Attachments) -> Markup:
    renderer = _Renderer(attachments)
    for mark in MARKS:
        source = source.replace(mark, "")
    page = MarkdownWithMath(renderer=renderer).render(source)
    clean = _cleaner().sanitize_html_tags(page)
    deeper = HEADINGS.sub(lambda m: f"{m[1]}{min(DEEPEST, int(m[2]) + below)}", clean)
    return Markup(  # noqa: S704  (cleaned, and what formulas makes)
        FORMULA.sub(lambda m: _formula(renderer, int(m[1])), deeper)
    )


def _formula(renderer: _Renderer, number: int) -> str:
    return renderer.formulas[number] if number < len(renderer.formulas) else ""


@cache
def _cleaner() -> SanitizeHTML:
    return SanitizeHTML(tags=TAGS, attributes=ATTRIBUTES, styles=[], strip=True)


@lru_cache(maxsize=1000)  # provided cells are the same for everybody
def code(source: str) -> Markup:
    """Return highlighted code, each line in a ``span`` of its own."""
    marked = html.escape(source)
    if is_short(source, LONGEST_CODE):
        marked = highlight(source, _lexer(), HtmlFormatter(nowrap=True, classprefix="k-"))
    lines = marked.rstrip("\n").split("\n")
    return Markup(  # noqa: S704  (pygments escapes)
        "\n".join(f'<span class="line">{line}</span>' for line in lines)
    )


@cache
def _lexer() -> PythonLexer:
    return PythonLexer(stripnl=False)


def shown(of_cell: Iterable[NotebookNode]) -> Iterator[Markup]:
    """Yield the outputs of a student's cell: text, pictures, and errors as text."""
    kept = outputs.clean(list(of_cell))
    for output in kept[:MOST_OUTPUTS]:
        if output.output_type == "stream":
            yield _text(output.text)
        elif output.output_type == "error":
            yield _text("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
        else:
            yield _display(output.data)
    if len(kept) > MOST_OUTPUTS:
        yield Markup("<p>Further outputs are omitted.</p>")


def _display(data: dict[str, str]) -> Markup:
    for kind in PICTURE_KINDS:
        if kind in data:
            described = "a picture drawn by this cell"
            return Markup('<img src="data:{};base64,{}" alt="{}">').format(
                kind, data[kind], described
            )
    return _text(data.get("text/plain", ""))


def _text(text: str) -> Markup:
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in strip_ansi(text).split("\n")]
    whole = "\n".join(lines).strip("\n")
    cut = "\n[the rest is omitted]" if len(whole) > LONGEST_TEXT else ""
    return Markup('<pre tabindex="0" class="output">{}</pre>').format(whole[:LONGEST_TEXT] + cut)
