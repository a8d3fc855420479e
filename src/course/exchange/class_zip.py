"""A class's archive from another system: refused as a whole, or read a student at a time.

Everything that ``autograder.submission.intake`` refuses is refused here: what no system writes by
itself, such
as entries that overlap or names that lead out of the archive, refuses the archive; what a student
can bring about, such as a link, a bomb or a name that is twice there, refuses that student's part.
Nothing is written to the disk.

This module does not know whose a file is, nor what becomes of it.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from autograder.submission import intake
from autograder.submission.intake import FileLimits, SubmissionRefused

ENTRIES = 50_000  # files and folders of a whole class
BYTES = 20_000_000_000  # that a whole class's files may be, unpacked
ONES = FileLimits()  # how much is taken of one student
REMEDY = "download it again, and leave it as it is"


@dataclass(frozen=True)
class Archive:
    """An open archive; names are as they stand in it."""

    zip: zipfile.ZipFile

    def names(self) -> list[str]:
        """Return the names of all files, without what operating systems leave behind."""
        return [name for name, info in self._entries() if not self._is_left(name, info)]

    def files(self, names: Iterable[str], limits: FileLimits = ONES) -> dict[str, bytes]:
        """Return what some files, one student's, hold.

        Raises:
            SubmissionRefused: one of them is not taken, and so none of them.
        """
        wanted, taken = set(names), intake._Taken(limits)
        # Copies: reading changes what an entry says of its size, and a group's are read again.
        infos = [copy(info) for name, info in self._entries() if name in wanted]
        try:
            for parts, info in intake._chosen(infos, taken):
                taken.put(parts, intake._zip_content(self.zip, info))
        except intake.DAMAGE as error:
            said = intake._one_line(error)
            raise SubmissionRefused(f"it is damaged ({said}): {intake.REPACK}") from error
        return taken.files

    def _entries(self) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        for info in self.zip.infolist():
            yield intake._zip_name(info), info

    def _is_left(self, name: str, info: zipfile.ZipInfo) -> bool:
        return info.is_dir() or intake._is_skipped(tuple(name.split("/")))


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a zip in which a whole class's files are.

    Raises:
        SubmissionRefused: it is none, damaged, or made to harm.
    """
    if not path.name.lower().endswith(".zip"):
        raise SubmissionRefused(f"{path.name} is no zip: give the zip as it was downloaded")
    with intake._readable(path.name), closing(_open(path)) as file:
        size = path.stat().st_size
        try:
            with zipfile.ZipFile(file) as archive:
                _check(file, archive, size)
                yield Archive(archive)
        except intake.DAMAGE as error:
            said = intake._one_line(error)
            raise SubmissionRefused(f"{path.name} is damaged ({said}): {REMEDY}") from error


def unpacked(name: str, content: bytes, limits: FileLimits = ONES) -> dict[str, bytes]:
    """Return the files of an archive that a student handed in.

    Raises:
        SubmissionRefused: with the reason.
    """
    with tempfile.TemporaryDirectory(prefix="collect-") as scratch:
        path = Path(scratch) / name
        path.write_bytes(content)
        return intake.read_archive(path, limits)


def is_archive(name: str) -> bool:
    """Return whether a file is one that students pack their work into."""
    return name.lower().endswith(intake.ARCHIVES)


def without_top(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return files that lie together in one folder without it."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) != 1 or not all("/" in name for name in files):
        return files
    return {name.partition("/")[2]: part for name, part in files.items()}


def _open(path: Path) -> intake._Careful:
    return intake._Careful(intake._open_file(path, path.name))


def _check(file: intake._Careful, archive: zipfile.ZipFile, size: int) -> None:
    """Refuse what no system writes, whoever's file it is."""
    infos = archive.infolist()
    if len(infos) > ENTRIES:
        raise SubmissionRefused(f"it has more than {ENTRIES} files: download a section at a time")
    if sum(info.file_size for info in infos) > BYTES:
        raise SubmissionRefused(
            f"it unpacks to more than {BYTES} bytes: download a section at a time"
        )
    for info in infos:
        name = intake._zip_name(info)
        parts = re.split(r"[/\\]", name)
        if ".." in parts or name[:1] in ("/", "\\") or re.match(r"[A-Za-z]:", name):
            raise intake._refusal(name, "leads out of the archive", REMEDY)
    intake._check_ranges(file, infos, size)
