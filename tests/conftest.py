import shutil
import sys
from pathlib import Path

import pytest

from course.directory import Course
from tests.support import once
from training import text_source

ROOT = Path(__file__).resolve().parents[1]
ASSIGNMENTS = Course(ROOT).assignments()
# What takes longest is begun first, so that no worker is left with it when the others are done.
LONGEST = (
    "test_mutation",
    "test_examples",
    "test_adversaries",
    "test_release",
    "test_batch",
    "test_cluster",
    "test_masters",
    "test_formgrader",
    "test_student_zip",
    "test_feedback",
    "test_training",
    "test_postgres",
)


def pytest_collection_modifyitems(config, items):
    leave_out_timing(config, items)
    if config.option.dist != "no":
        ranks = {name: rank for rank, name in enumerate(LONGEST)}
        items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            alone = item.get_closest_marker("apart")
            item.add_marker(pytest.mark.xdist_group(item.nodeid if alone else item.path.stem))


def leave_out_timing(config, items):
    """Select tests that measure a time only where they are asked for: ``-m timing``."""
    if "timing" not in config.option.markexpr:
        timed = [item for item in items if item.get_closest_marker("timing")]
        config.hook.pytest_deselected(items=timed)
        items[:] = [item for item in items if item not in timed]


@pytest.fixture(autouse=True, scope="session")
def made_once(tmp_path_factory):
    """Let all workers share what one of them has made (see tests.support.once)."""
    once.use(tmp_path_factory)


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
