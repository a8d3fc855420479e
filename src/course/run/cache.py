"""Results by key: written once, whole or not at all, and read only if whole.

The key is a hash of everything that decides the result (see autograder.job), so a result that is
here never has to be computed again.
"""

from pathlib import Path

from autograder.result import Result
from course.run import atomic, status_files


class Store:
    """A folder of results."""

    def __init__(self, root: Path):
        self.root = root

    @classmethod
    def of(cls, course_root: Path) -> "Store":
        """Return the store of a course."""
        return cls(course_root / status_files.FOLDER / "results")

    def get(self, key: str) -> Result | None:
        """Return a result; None if it is not here, or was cut short."""
        path = self._path(key)
        try:
            return Result.read(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            path.unlink(missing_ok=True)
            return None

    def put(self, key: str, result: bytes) -> None:
        """Keep a result.

        Raises:
            OSError: the disk is full or not writable; nothing is half written.
        """
        atomic.write_whole(self._path(key), result)

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / key
