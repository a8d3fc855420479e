"""A notebook as one HTML file that needs no network, and as a PDF.

The cells stay cells: code, prompts, outputs and pictures, long lines wrapped. Formulas are MathML,
so that no script has to be fetched.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from nbconvert import HTMLExporter, PDFExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from seqlab.mathml import mathml

TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block data_png scoped %}
{%- set alt = output | get_metadata("alt", "image/png") or cell | get_metadata("alt") -%}
{{ super().replace("<img ", '<img alt="' ~ (alt | e) ~ '" ', 1) if alt else super() }}
{%- endblock %}
{% block html_head_css %}<style>{{ resources.print_css }}</style>{% endblock %}
"""
SCRIPTED = ("application/vnd.jupyter.widget-view+json", "application/javascript")
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "msedge",
    "chrome",
    "brave-browser",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
    r"%ProgramFiles%\Microsoft\Edge\Application\msedge.exe",
)
PRINTING = 180  # seconds that a browser may take


class _Renderer(IPythonRenderer):
    """Markdown's renderer, with formulas as MathML."""

    def inline_math(self, body: str) -> str:
        """Return a formula in a line."""
        return mathml(body, block=False)

    def block_math(self, body: str) -> str:
        """Return a formula on a line of its own, which a narrow screen scrolls."""
        return f'<span class="formula" tabindex="0">{mathml(body, block=True)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        """Return an environment on lines of its own."""
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")


class _Exporter(HTMLExporter):
    """nbconvert's page without anything that has to be fetched."""

    @jinja2.pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Return Markdown as HTML."""
        cell = context.get("cell", {})
        renderer = _Renderer(
            escape=False,
            exclude_anchor_links=True,
            embed_images=True,
            attachments=cell.get("attachments", {}),
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
        )
        page: str = MarkdownWithMath(renderer=renderer).render(source)
        return page


def html(notebook: NotebookNode, title: str, folder: Path) -> str:
    """Return a notebook as a page.

    Args:
        notebook: with its outputs
        title: of the page
        folder: where the notebook lies; pictures in it become part of the page
    """
    exporter = _Exporter(
        extra_loaders=[jinja2.DictLoader({"print.html.j2": TEMPLATE})],
        template_file="print.html.j2",
        preprocessors=["nbconvert.preprocessors.CoalesceStreamsPreprocessor"],
    )
    css = resources.files("seqlab").joinpath("print.css").read_text("utf-8")
    about = {"metadata": {"path": str(folder), "name": title}, "print_css": css}
    page, _ = exporter.from_notebook_node(_still(notebook), about)
    return str(page)


def _still(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in which every output has a form that needs no script."""
    copy = deepcopy(notebook)
    copy.metadata.pop("widgets", None)
    for cell in copy.cells:
        for output in cell.get("outputs", []):
            for kind in SCRIPTED:
                output.get("data", {}).pop(kind, None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if _shows(o)]
    return copy


def _shows(output: NotebookNode) -> bool:
    """Return whether an output shows anything: a progress bar may leave an empty line."""
    if output.output_type == "stream":
        return bool(output.text.strip())
    return output.output_type == "error" or bool(output.get("data"))


def pdf(notebook: NotebookNode, page: Path, target: Path) -> str:
    """Write a notebook as a PDF and return the program that made it; nothing if none could.

    Args:
        notebook: for LaTeX, which sets it where no browser prints
        page: the notebook as an HTML file, for a browser
        target: the file to write
    """
    for browser in browsers():
        if _printed(browser, page, target):
            return Path(browser).stem
    if not (shutil.which("xelatex") and shutil.which("pandoc")):
        return ""
    try:
        document, _ = PDFExporter().from_notebook_node(_still(notebook))
    except Exception as error:  # LaTeX stops at many things that a notebook may hold
        print(f"xelatex: {str(error).strip().splitlines()[:1]}", file=sys.stderr)
        return ""
    target.write_bytes(document)
    return "xelatex"


def browsers() -> Iterator[str]:
    """Yield the browsers on this machine that can print without a window."""
    yield from filter(None, map(shutil.which, BROWSERS))
    yield from (path for path in map(os.path.expandvars, PLACES) if Path(path).is_file())
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Exception:  # not installed, or without a browser of its own
        return
    if Path(path).is_file():
        yield path


def _printed(browser: str, page: Path, target: Path) -> bool:
    """Let a browser print a page to ``target``; return whether it did."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # browsers refuse root a sandbox
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=".print-", ignore_cleanup_errors=True
    ) as scratch:
        printed = Path(scratch) / target.name
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            *(["--no-sandbox"] if is_root else []),
            f"--user-data-dir={scratch}/profile",
            "--no-pdf-header-footer",
            "--print-to-pdf-no-header",
            f"--print-to-pdf={printed}",
            page.resolve().as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=PRINTING, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"{browser}: {error}", file=sys.stderr)
            return False
        if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
            return False
        printed.replace(target)
        return True
