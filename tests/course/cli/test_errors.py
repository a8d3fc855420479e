"""What staff can mend is one line; a fault of the program's shows where it is."""

import pytest

from autograder.execution.client import ForkServerError
from autograder.execution.sandbox import SandboxError
from autograder.execution.test_side import ProvidedCellError
from course.cli import main
from course.directory import CourseError
from seqlab.errors import DataError


def raising(monkeypatch, error):
    def app():
        raise error

    monkeypatch.setattr(main, "app", app)


@pytest.mark.parametrize(
    "kind", [CourseError, DataError, ForkServerError, SandboxError, ProvidedCellError]
)
def test_an_error_that_staff_can_mend_is_one_line(monkeypatch, capsys, kind):
    raising(monkeypatch, kind("no kernel could be started:\n  ModuleNotFoundError: nothing\n"))
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 1
    line = "course: no kernel could be started: ModuleNotFoundError: nothing\n"
    assert capsys.readouterr().err == line


def test_a_fault_of_the_program_is_not_hidden(monkeypatch):
    raising(monkeypatch, KeyError("cell"))
    with pytest.raises(KeyError):
        main.main()
