import shutil
import sys
from pathlib import Path

import pytest

from training import text_source

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def own_data(monkeypatch):
    """Whatever the tester's environment says, tests read the repository's data."""
    monkeypatch.setenv("COURSE_DATA", str(ROOT / "data"))


@pytest.fixture(autouse=True)
def no_figures_left():
    """What a test draws is gone after it; matplotlib is not loaded for tests that draw nothing."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of the data that a test may damage."""
    copy = tmp_path / "data"
    shutil.copytree(ROOT / "data", copy)
    monkeypatch.setenv("COURSE_DATA", str(copy))
    return copy


@pytest.fixture(scope="session")
def shakespeare():
    """The text that the tokenizer and the Transformers learned from; not in the repository."""
    if text_source.find() is None:
        pytest.skip("needs the Shakespeare text: set TINYSHAKESPEARE to its path")
    return text_source.load()
