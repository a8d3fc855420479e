"""Who is on the hub and where it lies: settings.toml, read and checked."""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

UNIX_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}")


class HubError(Exception):
    """Whoever runs the hub must do something; the message says what, in one line."""


@dataclass(frozen=True)
class HubSettings:
    """What stands in settings.toml.

    >>> settings = HubSettings.read(Path("hub/settings.toml"))
    >>> settings.people
    ('instructor', 'ta', 'student1', 'student2', 'student3')
    >>> settings.course_folder
    PosixPath('/srv/sequence-models-hub/course')
    """

    folder: Path
    port: int
    course: str
    grader: str
    staff: tuple[str, ...]
    students: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "HubSettings":
        """Return the settings in a file.

        Raises:
            HubError: it cannot be read, or a setting is missing or wrong.
        """
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise HubError(f"{path} cannot be read: {error}") from None
        names = {field.name for field in fields(cls)}
        if values.keys() != names:
            odd = ", ".join(sorted(values.keys() ^ names))
            raise HubError(f"{path} must have {', '.join(sorted(names))} and nothing else: {odd}")
        return cls._checked(path, values)

    @classmethod
    def _checked(cls, path: Path, values: dict[str, Any]) -> "HubSettings":
        folder, port = Path(str(values["folder"])), values["port"]
        if not folder.is_absolute() or len(folder.parts) < 3:
            raise HubError(f"{path}: folder must be a path like /srv/sequence-models-hub")
        if not isinstance(port, int) or not 0 < port < 65536:
            raise HubError(f"{path}: port must be a number below 65536")
        staff, students = (tuple(map(str, values[kind])) for kind in ("staff", "students"))
        settings = cls(folder, port, str(values["course"]), str(values["grader"]), staff, students)
        users = settings.users
        if len(set(users)) < len(users) or not all(map(UNIX_NAME.fullmatch, users)):
            raise HubError(f"{path}: every name must be another one, such as student1")
        return settings

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who can log in."""
        return (*self.staff, *self.students)

    @property
    def users(self) -> tuple[str, ...]:
        """Every Unix user that the hub makes."""
        return (self.grader, *self.people)

    @property
    def course_folder(self) -> Path:
        """The course, closed to all but the grader."""
        return self.folder / "course"

    @property
    def data(self) -> Path:
        """Texts and weights that notebooks load."""
        return self.folder / "data"

    @property
    def exchange(self) -> Path:
        """The exchange of nbgrader."""
        return self.folder / "exchange"

    @property
    def state(self) -> Path:
        """The hub's database, passwords and log: root's alone."""
        return self.folder / "state"

    def home(self, user: str) -> Path:
        """Return the home of a user."""
        return self.folder / "homes" / user

    def environment(self, kind: str) -> Path:
        """Return where Python and its packages are for "hub", "staff" or "students"."""
        return self.folder / "environments" / kind
