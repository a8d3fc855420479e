"""What docs/architecture.md says about the modules and who imports whom holds.

``python -m tests.test_architecture`` writes the page's list of modules again.
"""

import ast
import re
import sys
import tomllib
from collections import Counter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules: begin -->\n", "<!-- modules: end -->\n"
MODULES = sorted((ROOT / "src").rglob("*.py"))
MAY_IMPORT = {
    "seqlab": set(),
    "minikernel": set(),
    "mistakes": set(),
    "hidden_tests": {"seqlab"},
    "autograder": {"minikernel", "mistakes", "seqlab"},
    "course": {"autograder", "hidden_tests", "minikernel", "mistakes", "seqlab", "training"},
}
ELSEWHERE = {"benchmarks", "examples", "tests", "training"}  # not installed


def package(path: Path) -> str:
    return path.relative_to(ROOT / "src").parts[0]


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            names.add(package(path))
    return names


def declared(*projects: str) -> set[str]:
    """Return the distributions that these pyprojects ask for, extras included, spelled alike."""
    names = set()
    for project in projects:
        table = tomllib.loads((ROOT / project).read_text("utf-8"))["project"]
        extras = [
            name for extra in table.get("optional-dependencies", {}).values() for name in extra
        ]
        names |= {re.split(r"[\[<>=!~ ;]", name)[0] for name in [*table["dependencies"], *extras]}
    return {normal(name) for name in names}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def module_list() -> str:
    """Return a table for each folder of src/: its modules, and what their docstrings say first."""
    lines = []
    for folder in sorted({path.parent for path in MODULES}):
        paths = [path for path in MODULES if path.parent == folder]
        about = summary(folder / "__init__.py")
        lines += [f"### {folder.relative_to(ROOT / 'src').as_posix()}/", "", about, ""]
        lines += [f"- `{path.name}`: {summary(path)}" for path in paths if path.stem != "__init__"]
        lines += [""]
    return "\n".join(lines)


def summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").strip()


def test_every_package_has_rules():
    assert {path.parent.name for path in (ROOT / "src").glob("*/__init__.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_what_its_package_may(path):
    ours = imported(path) & (set(MAY_IMPORT) | ELSEWHERE) - {package(path)}
    assert ours <= MAY_IMPORT[package(path)]


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_what_a_package_imports_is_declared_and_does_not_come_by_way_of_another(name):
    own = ["src/seqlab/pyproject.toml"] if name == "seqlab" else []
    projects = own or ["pyproject.toml", "src/seqlab/pyproject.toml"]
    paths = [path for path in MODULES if package(path) == name]
    third = set.union(*map(imported, paths)) - set(MAY_IMPORT) - ELSEWHERE - sys.stdlib_module_names
    installed = packages_distributions()
    third -= {"playwright"}  # seqlab finds a browser without it, too
    known = declared(*projects)
    undeclared = {m for m in third if not known & set(map(normal, installed.get(m, [m])))}
    assert undeclared == set()


def test_no_two_modules_have_one_name():
    count = Counter(path.stem for path in MODULES if not path.stem.startswith("__"))
    assert [name for name, n in count.items() if n > 1] == []


def test_no_two_public_classes_have_one_name():
    count = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, n in count.items() if n > 1] == []


def test_the_page_lists_every_module_with_the_first_line_of_its_docstring():
    written = PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    assert written.strip() == module_list().strip(), "run python -m tests.test_architecture"


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}{module_list()}{END}{after}", "utf-8")
