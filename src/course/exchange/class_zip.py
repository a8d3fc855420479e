"""A class's zip from another system: refused as a whole, or read a student at a time.

What no system writes by itself, such as entries that overlap or names that lead out of the zip,
refuses the zip. What a student can bring about, such as a link, a bomb or a name that occurs
twice, refuses that student's part only, when it is read.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.submission.intake import SubmissionRefused, refusal
from autograder.submission.zip_reader import ZipReader

ENTRIES = 50_000  # files and folders of a whole class
BYTES = 20_000_000_000  # of a whole class's files, unpacked
DIRECTORY_BYTES = 2**23  # names and places of that many entries
REMEDY = "download it again, and leave it as it is"
SMALLER = "download a section at a time"


@contextmanager
def opened(path: Path) -> Iterator[ZipReader]:
    """Open the zip of a whole class.

    >>> with opened(Path("submissions.zip")) as archive:
    ...     archive.read(only=["lovelaceada_101_5001_gpt2.ipynb"])

    Raises:
        SubmissionRefused: it is no zip, damaged, or meant to harm.
    """
    if path.suffix.lower() != ".zip":
        raise SubmissionRefused("it is no zip: give the zip as it was downloaded")
    try:
        file = path.open("rb")
    except OSError as error:
        raise refusal(path.name, f"cannot be read ({error.strerror})", REMEDY) from error
    with file:
        archive = ZipReader(file, path.name, DIRECTORY_BYTES, REMEDY)
        _check(archive)
        yield archive


def _check(archive: ZipReader) -> None:
    if len(archive.entries) > ENTRIES:
        raise SubmissionRefused(f"it has more than {ENTRIES} files: {SMALLER}")
    if sum(info.file_size for _, info in archive.entries) > BYTES:
        raise SubmissionRefused(f"it unpacks to more than {BYTES} bytes: {SMALLER}")
    for name, _ in archive.entries:
        is_absolute = name[:1] in ("/", "\\") or re.match(r"[A-Za-z]:", name)
        if is_absolute or ".." in re.split(r"[/\\]", name):
            raise refusal(name, "leads out of the archive", REMEDY)
