"""What students install is seqlab and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

SEQLAB = ROOT / "src" / "seqlab"
STAFFS = ("autograder", "course", "hidden_tests", "minikernel", "mistakes", "training", "nbgrader")
# Imports every module of the package and prints which modules that has loaded.
IMPORTS_ALL = """
import importlib, pkgutil, sys, seqlab
for module in pkgutil.iter_modules(seqlab.__path__, "seqlab."):
    importlib.import_module(module.name)
print(seqlab.__file__, *sys.modules, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """seqlab's wheel, built without a network."""
    pytest.importorskip("hatchling", reason="needs hatchling: pip install -r requirements/dev.txt")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    built = subprocess.run(
        [*command, "--directory", str(folder)], cwd=SEQLAB, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def imported(folder):
    """Return where seqlab comes from, and what is loaded when all of it is imported."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{IMPORTS_ALL}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    origin, *modules = done.stdout.splitlines()
    return Path(origin), {module.partition(".")[0] for module in modules}


def test_the_wheel_holds_all_of_seqlab_and_no_other_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert packages == {"seqlab"}
    sources = {f"seqlab/{path.name}" for path in SEQLAB.iterdir() if path.suffix in (".py", ".css")}
    assert {name for name in names if name.endswith((".py", ".css"))} == sources
    assert "seqlab/py.typed" in names


def test_the_wheel_alone_can_be_imported(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    origin, _ = imported(tmp_path)
    assert origin.is_relative_to(tmp_path)


def test_no_module_of_seqlab_imports_anything_of_grading():
    """Here, too, where all of it lies beside."""
    origin, packages = imported(SEQLAB.parent)
    assert origin.is_relative_to(SEQLAB)
    assert packages.isdisjoint(STAFFS)
    assert "numpy" in packages


def test_the_version_is_that_of_the_whole_course():
    versions = [
        next(line for line in path.read_text("utf-8").splitlines() if line.startswith("version ="))
        for path in (SEQLAB / "pyproject.toml", ROOT / "pyproject.toml")
    ]
    assert len(set(versions)) == 1
