import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ASSIGNMENTS
from training import readme

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 2**20


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_the_data_folder_stays_small():
    sizes = {path: path.stat().st_size for path in tracked() if (ROOT / "data") in path.parents}
    assert max(sizes.values()) < 25 * MEGABYTE
    assert sum(sizes.values()) <= 40 * MEGABYTE


@pytest.mark.parametrize("name", ["student", "staff", "dev", "train"])
def test_lock_files_pin_every_package_and_name_no_host(name):
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    assert len(lines) > 50
    assert all(re.fullmatch(r"[a-z0-9._-]+==[^ ]+( ; .+)?", line) for line in lines)


def test_the_page_about_the_data_has_the_recorded_figures():
    assert (ROOT / "data" / "README.md").read_text("utf-8") == readme.page()


def test_the_training_text_is_not_in_the_repository():
    for path in tracked():
        if path.suffix in (".txt", ".md", ".py", ".ipynb", ".json"):
            assert "First Citizen:\nBefore we proceed any further" not in path.read_text("utf-8")


def test_students_package_imports_nothing_of_the_staffs():
    for path in (ROOT / "src" / "seqlab").glob("*.py"):
        assert not re.search(
            r"\b(import|from) (autograder|course|training|nbgrader|tests)\b",
            path.read_text("utf-8"),
        ), path


def strings(path):
    """Yield line and value of a module's strings, without its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, documented))
    docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, str(node.value)


@pytest.mark.parametrize("package", ["autograder", "course", "minikernel"])
def test_no_code_names_an_assignment(package):
    named = re.compile(rf"\b({'|'.join(ASSIGNMENTS)})\b")
    paths = sorted((ROOT / "src" / package).rglob("*.py"))
    assert [(p, line) for p in paths for line, text in strings(p) if named.search(text)] == []
