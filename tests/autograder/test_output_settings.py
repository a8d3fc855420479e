"""Outputs as nbgrader's settings leave them, with and without nbgrader."""

import subprocess
import sys
from copy import deepcopy

import pytest
from nbformat import v4
from nbgrader.preprocessors import IgnorePattern, LimitOutput
from nbgrader.utils import determine_grade
from traitlets.config import Config

from autograder import output_settings
from autograder.cell_notes import FollowedTest
from autograder.execution import outputs

ALL = {"IgnorePattern": {"enabled": True, "pattern": "(?s).*"}}
SETTINGS = (
    {},
    ALL,
    {"IgnorePattern": {"enabled": True, "pattern": "Warn"}},
    {"IgnorePattern": {"enabled": False, "pattern": ".*"}},
    {"IgnorePattern": {"pattern": ".*"}},
    {"IgnorePattern": {"enabled": True}},
    {"LimitOutput": {"max_lines": 2}},
    {"LimitOutput": {"enabled": False}, **ALL},
    {"NbGraderPreprocessor": {"enabled": False}},
)


def stream(text, name="stdout"):
    """Return something that was printed."""
    return v4.new_output("stream", name=name, text=text)


def error(lines):
    """Return an error whose traceback is so long."""
    return v4.new_output("error", ename="E", evalue="e", traceback=["line"] * lines)


OUTPUTS = (
    [],
    [stream("Warning: a\nb\nc", "stderr"), stream("1\n2\n3\n4")],
    [stream("fine", "stderr"), error(3)],
    [stream("x\n" * 998)],
    [stream("x\n" * 999)],
    [stream("x\n" * 1000)],
    [stream("x\n" * 600), stream("Warn", "stderr"), stream("x\n" * 600)],
    [error(100)],
    [error(101), v4.new_output("execute_result", data={"text/plain": "3"})],
    [v4.new_output("display_data", data={"text/plain": "stderr"})],
)


def by_nbgrader(notebook, settings):
    """Return what nbgrader leaves, as its own converter goes about it."""
    config = Config(settings)
    for preprocessor in (IgnorePattern(config=config), LimitOutput(config=config)):
        if preprocessor.enabled:
            notebook, _ = preprocessor.preprocess(notebook, {})
    return notebook


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_outputs_are_as_nbgrader_would_leave_them(settings):
    cells = [v4.new_code_cell(outputs=deepcopy(of_cell)) for of_cell in OUTPUTS]
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("text"), *cells])
    wanted = by_nbgrader(deepcopy(notebook), settings)
    assert output_settings.applied(notebook, settings) == wanted


@pytest.mark.parametrize("complained", [False, True])
def test_points_in_outputs_are_those_that_nbgrader_reads(complained):
    followed = FollowedTest(("softmax",), 2.5, error(1))
    cell = v4.new_code_cell(outputs=outputs.points([stream("a")], followed, complained))
    cell.metadata["nbgrader"] = {"grade": True, "solution": False, "points": 4, "locked": True}
    assert outputs.points_in(cell.outputs) == determine_grade(cell)[0]


def test_what_computes_results_does_not_wait_for_nbgrader():
    heavy = {"nbgrader", "matplotlib", "IPython"}
    look = f"import sys, course.run.workers; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
