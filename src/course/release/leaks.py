"""Find what a release must not hold: lines of solutions, hidden tests, model answers, rubrics.

The package ``hidden_tests`` is as secret as the hidden tests that import it.
"""

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

import hidden_tests
from autograder.regions import REGIONS, marked_lines
from course.release import released_text

TELLING = 8  # characters; shorter lines, as `else:` or `])`, tell nothing
LONG = 25  # characters that do not come together by chance
LONG_PYTHON = 40  # the same in a module, which has signatures and imports as others have


def secret_lines(master: NotebookNode, regions: Collection[str] = REGIONS) -> set[str]:
    """Return the lines, stripped, that a master has in its regions and nowhere outside them."""
    inside: set[str] = set()
    outside: set[str] = set()
    for cell in master.cells:
        for line, region, is_mark in marked_lines(cell.source):
            if is_mark:
                continue
            if region in regions:
                inside.add(line.strip())
            elif not region:
                outside.add(line.strip())
    if any("hidden_tests" in line for line in inside):
        inside |= reference_lines()
    return {line for line in inside - outside if len(line) >= TELLING}


@cache
def reference_lines() -> frozenset[str]:
    """Return the long lines of the package ``hidden_tests``, stripped and without imports."""
    package = Path(hidden_tests.__file__ or "").parent
    texts = [path.read_text("utf-8") for path in sorted(package.glob("*.py"))]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return frozenset(
        line
        for line in lines
        if len(line) >= LONG_PYTHON and not line.startswith(("from ", "import "))
    )


def find(secrets: set[str], folder: Path) -> list[str]:
    """Return a complaint for each secret, or mark of a region, in a file below ``folder``.

    A short secret must fill a line, since other lines may begin like it; a long one counts
    anywhere.
    """
    long = {line for line in secrets if len(line) >= LONG}
    complaints = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        text = "\n".join(released_text.texts(path.name, path.read_bytes()))
        lines = {line.strip() for line in text.splitlines()}
        leaked = (secrets & lines) | {line for line in long if line in text}
        complaints += [f"{name} holds {line!r}" for line in sorted(leaked)]
        complaints += [
            f"{name} holds the mark of a {region} region"
            for region in REGIONS
            if re.search(rf"(BEGIN|END) {region}", text)
        ]
    return complaints
