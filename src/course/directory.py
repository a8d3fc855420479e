"""The course's folders and assignments, and nbgrader set up for them.

>>> course = Course.find()
>>> course.assignments()
['assignment5', 'gpt2']
>>> course.assignment("gpt2").points
100
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mistakes
from autograder import assignment as settings_file
from autograder.assignment import Assignment, AssignmentError, did_you_mean
from autograder.status import Status
from course.run import status_files

if TYPE_CHECKING:  # loaded where they are used: a shell that completes a name waits for this module
    from nbgrader.api import Gradebook
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

CONFIG = "nbgrader_config.py"
IGNORED = (".ipynb_checkpoints", "*.pyc", "__pycache__")  # by nbgrader, if nothing else is set
STAFF_FILES = (settings_file.FILE, mistakes.FILE)  # beside a master, and never a student's


LONGEST_NAME = 100  # characters
MISNAMED = 'rename the folder (no control or directional characters, none of < > " & \\)'
NO_GRADEBOOK = (
    "there is no gradebook ({} is not there): course autograde ASSIGNMENT makes one, and publishes "
    "what was graded again without running it"
)


class CourseError(Exception):
    """Staff must do something; the message says what, in one line."""


def is_name(name: str) -> bool:
    r"""Return whether a student can be called so, in a terminal and on nbgrader's pages.

    >>> [is_name(name) for name in ("José", "o'neil", "<img src=x>", "\x1b[2J", "a\u202eb")]
    [True, True, False, False, False]
    """
    return name.isprintable() and not set(name) & set('<>"&\\') and 0 < len(name) <= LONGEST_NAME


def harmless(text: str) -> str:
    r"""Return text in which what is not printable is written as Python escapes it.

    Such characters clear terminals, change what other characters seem to say, or turn them round.

    >>> harmless("\x1b[2J") == r"\x1b[2J"
    True
    """
    return "".join(
        c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text.replace("\r\n", "\n")
    )


def unknown(what: str, known: Sequence[str], otherwise: str) -> CourseError:
    """Return the error for a name that nothing has.

    Args:
        what: the kind and the name, e.g. ``assignment gpt3``
        known: the names that exist
        otherwise: what to say where none of them is like it

    Example:
        >>> str(unknown("assignment gpt3", ["gpt2"], "none is there"))
        'no assignment gpt3; did you mean gpt2?'
    """
    name = what.rpartition(" ")[2]
    return CourseError(f"no {what}{did_you_mean(name, list(known)) or f': {otherwise}'}")


def _put_environment_on_path() -> None:
    """Let nbgrader find ``alembic``, which it starts by name, without an activated environment."""
    here = str(Path(sys.executable).parent)
    if here not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([here, os.environ.get("PATH", "")])


def _file_of(url: str) -> Path | None:
    """Return the file of an SQLite database; None for any other."""
    from sqlalchemy.engine import make_url

    about = make_url(url)
    name = about.database or ""
    is_file = about.get_backend_name() == "sqlite" and not name.startswith(("file:", ":memory:"))
    return Path(name) if is_file and name else None


@dataclass(frozen=True)
class Course:
    """A course directory: ``source/``, ``submitted/`` and the others below ``root``.

    Attributes:
        root: the folder
        db_url: another gradebook than the one that the configuration names
    """

    root: Path
    db_url: str = ""

    @classmethod
    def find(cls, start: Path | None = None) -> "Course":
        """Return the course that ``start``, by default the working directory, lies in."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / CONFIG).is_file() and (folder / "source").is_dir():
                return cls(folder)
        raise CourseError(
            f"{here} is not inside a course: go to the folder that holds {CONFIG} and source/"
        )

    def assignments(self) -> list[str]:
        """Return the names of the course's assignments: the folders below ``source/``."""
        masters = (self.root / "source").glob("*/*.ipynb")
        return sorted({path.stem for path in masters if path.stem == path.parent.name})

    def master(self, assignment: str) -> Path:
        """Return the master notebook of an assignment.

        Raises:
            CourseError: there is no such assignment.
        """
        known = self.assignments()
        if assignment not in known:
            otherwise = f"source/ has {', '.join(known) or 'none'}; course new makes one"
            raise unknown(f"assignment {assignment}", known, otherwise)
        return self.root / "source" / assignment / f"{assignment}.ipynb"

    def assignment(self, name: str) -> Assignment:
        """Return what ``source/NAME/assignment.toml`` says.

        Raises:
            CourseError: there is no such assignment, or the file is missing or wrong.
        """
        try:
            return settings_file.read(self.master(name).parent)
        except AssignmentError as error:
            raise CourseError(str(error)) from None

    def catalogue_text(self, assignment: str) -> str:
        """Return what ``source/NAME/mistakes.py`` says; nothing where there is no such file."""
        path = self.master(assignment).with_name(mistakes.FILE)
        try:
            return path.read_text("utf-8") if path.is_file() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise CourseError(f"source/{assignment}/{path.name} cannot be read: {error}") from None

    def catalogue(self, assignment: str) -> tuple[mistakes.Cell, ...]:
        """Return what is known of mistakes in an assignment: see ``mistakes.catalogue``.

        Raises:
            CourseError: ``source/NAME/mistakes.py`` is no catalogue.
        """
        try:
            return mistakes.catalogue(assignment, self.catalogue_text(assignment))
        except mistakes.CatalogueError as error:
            raise CourseError(str(error)) from None

    def students(self, assignment: str | None = None) -> list[str]:
        """Return the students who handed in an assignment, or anything at all, in order."""
        return [name for name in self._handed_in(assignment) if is_name(name)]

    def misnamed(self, assignment: str | None = None) -> list[str]:
        """Return a line for each folder below ``submitted/`` whose name cannot be a student's."""
        names = [name for name in self._handed_in(assignment) if not is_name(name)]
        shown = [harmless(name).replace("\n", r"\n") for name in names]
        return [f"submitted/{name} is left out: {MISNAMED}" for name in shown]

    def _handed_in(self, assignment: str | None) -> list[str]:
        folders = (self.root / "submitted").glob(f"*/{assignment or '*'}")
        return sorted({folder.parent.name for folder in folders if folder.is_dir()})

    def roster(self) -> list[str]:
        """Return everybody whom the gradebook knows; nobody where there is no gradebook."""
        if not self.has_gradebook():
            return []
        with self.gradebook() as gradebook:
            return sorted(student.id for student in gradebook.students)

    def data(self) -> Path:
        """Return the folder of texts and weights that this course's notebooks load."""
        own = self.root / "data"
        if "COURSE_DATA" not in os.environ and own.is_dir():
            return own.resolve()
        from seqlab.data_files import data_dir

        return data_dir().resolve()

    def shipped(self, name: str) -> Path:
        """Return a file that comes with the course, or else with the repository that this is.

        Raises:
            CourseError: it is in neither.
        """
        home = Path(__file__).resolve().parents[2]
        for root in (self.root, home):
            if (root / name).is_file():
                return root / name
        raise CourseError(f"{name} is neither in {self.root} nor in {home}: copy it to the first")

    def status(self, assignment: str, student: str, in_gradebook: bool) -> Status:
        """Return what is known of a submission: its status, or why it has none yet.

        What the gradebook holds is another question: see course.run.held_marks.
        """
        if kept := status_files.read(self.root, assignment, student):
            return kept
        if in_gradebook:
            return Status("graded")
        if (self.root / "submitted" / student / assignment).is_dir():
            return Status("failed", ("not graded yet",))
        return Status("missing", ("nothing was handed in",))

    def config(self, root: Path | None = None) -> "Config":
        """Return nbgrader's configuration, for this course or for a copy of it at ``root``."""
        from traitlets.config.loader import PyFileConfigLoader

        config: Config = PyFileConfigLoader(CONFIG, path=str(self.root)).load_config()
        at = root or self.root
        config.CourseDirectory.root = str(at)
        ignored = config.CourseDirectory.get("ignore", IGNORED)
        config.CourseDirectory.ignore = [*ignored, *STAFF_FILES]
        # The course's may be another database, PostgreSQL for instance; a copy has one of its own.
        if self.db_url:
            config.CourseDirectory.db_url = self.db_url
        elif root not in (None, self.root) or "db_url" not in config.CourseDirectory:
            config.CourseDirectory.db_url = f"sqlite:///{at / 'gradebook.db'}?timeout=60"
        return config

    def has_gradebook(self, root: Path | None = None) -> bool:
        """Return whether there is a gradebook; a server's database is taken to be there."""
        file = _file_of(self.config(root).CourseDirectory.db_url)
        return file is None or file.is_file()

    def expect_gradebook(self, root: Path | None = None) -> None:
        """Do nothing if there is a gradebook.

        Raises:
            CourseError: there is none.
        """
        if not self.has_gradebook(root):
            file = _file_of(self.config(root).CourseDirectory.db_url)
            raise CourseError(NO_GRADEBOOK.format(file))

    def gradebook(self, root: Path | None = None) -> "Gradebook":
        """Return the gradebook, for use in a ``with`` statement.

        Raises:
            CourseError: there is none. An empty one in its place would have a mark for nobody, and
                nobody would know why.
        """
        from nbgrader.api import Gradebook

        _put_environment_on_path()
        config = self.config(root).CourseDirectory
        self.expect_gradebook(root)
        gradebook = Gradebook(config.db_url, config.course_id)
        gradebook.db().info["course"] = root or self.root
        return gradebook

    def nbgrader(self, root: Path | None = None, release: str = "release") -> "NbGraderAPI":
        """Return nbgrader's interface to this course, or to a copy of it at ``root``.

        ``release`` names the folder, below that root, which releases are written to.
        """
        from nbgrader.apps import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory

        config = self.config(root)
        config.CourseDirectory.release_directory = release
        _put_environment_on_path()
        return NbGraderAPI(CourseDirectory(config=config), config=config)
