"""Take the files that a student handed in, as names and bytes within limits, or refuse them.

A submission may be meant to harm: names that lead out of its folder, two names that are one on
Windows, more bytes than a disk holds. Nothing here follows a link, writes to the disk, or believes
a size. Needs a POSIX system, for ``O_NOFOLLOW``. `zip_reader` reads zips into the same
`AcceptedFiles`.

This module does not know what the files are for, nor whether a notebook is among them.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LEFTOVERS = {".ipynb_checkpoints", "__pycache__", ".DS_Store", "__MACOSX", "Thumbs.db"}
PATH_CHARACTERS = 4096  # the system's own limit
ENTRIES_PER_FILE = 10  # folders, headers and skipped files included, for each file allowed
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

PLAIN = "hand in plain files"
SMALLER = "leave out what is not asked for and hand in plain files"
CLEAR = "clear its outputs and hand it in again"  # a notebook's
RENAME = "give it a plain name and hand in plain files"

Parts = tuple[str, ...]  # of a path: ("plots", "loss.png")


class SubmissionRefused(Exception):  # noqa: N818 (it is the student who erred)
    """The submission is not taken; the message says why in one line."""


def refusal(name: str, problem: str, remedy: str) -> SubmissionRefused:
    """Return an exception that names the file, the problem, and what to do about it."""
    return SubmissionRefused(f"{_quoted(name)} {problem}: {remedy}")


def error_line(error: Exception) -> str:
    """Return what an error says, in one printable line."""
    text = "".join(sign if sign.isprintable() else " " for sign in str(error)[:80])
    return text.strip() or type(error).__name__


@dataclass(frozen=True)
class FileLimits:
    """How much of one submission is taken."""

    files: int = 200
    file_bytes: int = 20_000_000
    total_bytes: int = 50_000_000
    ratio: int = 200  # unpacked to packed, above 1 MB unpacked
    depth: int = 8  # nested folders
    name_bytes: int = 200  # of a single file or folder name


ONE_STUDENT = FileLimits()


@dataclass
class AcceptedFiles:
    """The files taken so far; everything beyond the limits is refused."""

    limits: FileLimits
    files: dict[str, bytes] = field(default_factory=dict)
    _total: int = 0
    _entries: int = 0
    _file_keys: set[Parts] = field(default_factory=set)
    _folder_keys: set[Parts] = field(default_factory=set)

    def count_entry(self, name: str) -> None:
        """Count one more entry of any kind, skipped ones too."""
        self._entries += 1
        most = ENTRIES_PER_FILE * self.limits.files
        if self._entries > most:
            raise refusal(name, f"is one of more than {most} files and folders", SMALLER)

    def check_room(self, size: int, name: str, files: int = 0, size_before: int = 0) -> None:
        """Refuse a file of this size if it is too large, or one too many.

        Args:
            size: of the file
            name: of the file
            files: how many others are about to be added before it
            size_before: how many bytes those others have
        """
        limits = self.limits
        if len(self.files) + files >= limits.files:
            raise refusal(name, f"is one of more than {limits.files} files", SMALLER)
        if size > limits.file_bytes:
            remedy = CLEAR if name.endswith(".ipynb") else SMALLER
            raise refusal(name, f"has more than {limits.file_bytes} bytes", remedy)
        if self._total + size_before + size > limits.total_bytes:
            problem = f"brings the total to more than {limits.total_bytes} bytes"
            raise refusal(name, problem, CLEAR if name.endswith(".ipynb") else SMALLER)

    def room(self) -> int:
        """Return how many bytes one more file may have."""
        return min(self.limits.file_bytes, self.limits.total_bytes - self._total)

    def claim(self, parts: Parts, is_folder: bool) -> None:
        """Refuse a name that is already taken, comparing names as Windows and macOS do."""
        name = "/".join(parts)
        check_name_lengths(parts, self.limits)
        if not parts and not is_folder:
            raise refusal(name, "has no name", PLAIN)
        key = tuple(_folded(part) for part in parts)
        folders = {key[:length] for length in range(1, len(key) + is_folder)}
        if folders & self._file_keys or (
            not is_folder and key in self._file_keys | self._folder_keys
        ):
            problem = "is there twice, or as a file and a folder (case does not tell names apart)"
            raise refusal(name, problem, f"rename one of them and {PLAIN}")
        self._folder_keys |= folders
        if not is_folder:
            self._file_keys.add(key)

    def add(self, parts: Parts, content: bytes) -> None:
        """Take a file."""
        self.check_room(len(content), "/".join(parts))
        self._total += len(content)
        self.files["/".join(parts)] = content


def split_path(name: str) -> Parts:
    """Return the folders and the file name of a relative path, or refuse it.

    >>> split_path("plots/./loss.png")
    ('plots', 'loss.png')
    """
    if len(name) > PATH_CHARACTERS:
        raise refusal(name, f"has a path of more than {PATH_CHARACTERS} characters", RENAME)
    if not _is_utf8(name):
        raise refusal(name, "is not UTF-8", RENAME)
    if any(map(_is_control, name)):
        raise refusal(name, "has control characters in its name", RENAME)
    if "\\" in name:
        raise refusal(name, "has a backslash in its name", RENAME)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise refusal(name, "is an absolute path", PLAIN)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise refusal(name, "leads out of its folder", PLAIN)
    return parts


def is_leftover(parts: Parts) -> bool:
    """Return whether operating systems or Jupyter have left this behind."""
    return any(part in LEFTOVERS or part.startswith("._") for part in parts)


def check_name_lengths(parts: Parts, limits: FileLimits) -> None:
    """Refuse a path with a name in it that is too long."""
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        problem = f"has a name of more than {limits.name_bytes} bytes"
        raise refusal("/".join(parts), problem, RENAME)


def check_depth(folders: int, name: str, limits: FileLimits) -> None:
    """Refuse a path of too many nested folders."""
    if folders > limits.depth:
        raise refusal(
            name, f"lies in more than {limits.depth} nested folders", f"use fewer and {PLAIN}"
        )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_control(character: str) -> bool:
    kind, direction = unicodedata.category(character), unicodedata.bidirectional(character)
    return kind in ("Cc", "Zl", "Zp") or direction in BIDIRECTIONAL


def _quoted(name: str) -> str:
    """Return a name in quotes, escaped, of 80 characters at most."""
    text = repr(name[:80])
    return text if len(name) <= 80 and len(text) <= 80 else f"{text[:76]}...{text[0]}"


# Folders


def read_folder(folder: Path, limits: FileLimits = ONE_STUDENT) -> dict[str, bytes]:
    """Return relative POSIX path -> content of each regular file below ``folder``, sorted.

    What operating systems and Jupyter leave behind is skipped. Links above ``folder`` are
    followed, since they are the course's own; ``folder`` itself and links below it are refused.

    >>> read_folder(Path("submitted/ada/gpt2"))
    {'gpt2.ipynb': b'{"cells": ...', 'plots/loss.png': b'...'}

    Raises:
        SubmissionRefused: with the reason.
    """
    accepted = AcceptedFiles(limits)
    with _opened_folder(folder, folder.name) as at:
        _walk(at, (), accepted)
    return dict(sorted(accepted.files.items()))


def without_top_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files; if a single folder holds them all, without that folder.

    >>> without_top_folder({"hw/gpt2.ipynb": b"", "hw/a/b.txt": b""})
    {'gpt2.ipynb': b'', 'a/b.txt': b''}
    """
    tops = {name.partition("/")[0] for name in files}
    if len(tops) != 1 or not all("/" in name for name in files):
        return files
    return {name.partition("/")[2]: content for name, content in files.items()}


def _walk(at: int, above: Parts, accepted: AcceptedFiles) -> None:
    """Take all files below the folder that ``at`` is open on."""
    for name in _listed(at, above, accepted):
        parts = (*above, name)
        shown = "/".join(parts)
        check_name_lengths(split_path(shown), accepted.limits)
        with _readable(shown):
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        if is_folder:
            check_depth(len(parts), shown, accepted.limits)
            with _opened_folder(name, shown, at) as below:
                _walk(below, parts, accepted)
        else:
            accepted.add(parts, _read_file(name, shown, at, accepted))


def _listed(at: int, above: Parts, accepted: AcceptedFiles) -> list[str]:
    names = []
    with _readable("/".join(above)), os.scandir(at) as entries:
        for entry in entries:
            accepted.count_entry("/".join((*above, entry.name)))
            if not is_leftover((entry.name,)):
                names.append(entry.name)
    return sorted(names)


def _read_file(name: str, shown: str, at: int, accepted: AcceptedFiles) -> bytes:
    """Return what a file holds; of one that grows meanwhile, a byte more than is accepted."""
    with _readable(shown), os.fdopen(_open_file(name, shown, at), "rb") as file:
        accepted.check_room(os.fstat(file.fileno()).st_size, shown)
        return file.read(accepted.room() + 1)


@contextmanager
def _opened_folder(name: str | Path, shown: str, at: int | None = None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with _readable(shown):
        about = os.stat(name, dir_fd=at, follow_symlinks=False)
        if stat.S_ISLNK(about.st_mode):
            raise refusal(shown, "is a symbolic link", PLAIN)
        opened = os.open(name, flags, dir_fd=at)
    try:
        yield opened
    finally:
        os.close(opened)


def _open_file(name: str, shown: str, at: int) -> int:
    """Open a regular file.

    What kind of file it is is checked before, since opening a device may do something, and again
    after, since another file may have been put in its place.
    """
    folder = os.fstat(at)
    _check_plain(os.stat(name, dir_fd=at, follow_symlinks=False), folder, shown)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    opened = os.open(name, flags, dir_fd=at)
    try:
        _check_plain(os.fstat(opened), folder, shown)
    except BaseException:
        os.close(opened)
        raise
    return opened


def _check_plain(about: os.stat_result, folder: os.stat_result, shown: str) -> None:
    if stat.S_ISLNK(about.st_mode):
        raise refusal(shown, "is a symbolic link", PLAIN)
    if not stat.S_ISREG(about.st_mode):
        raise refusal(shown, "is a device, pipe or socket", PLAIN)
    # rsync --link-dest and cp -al make hard links of everything, so they are ordinary files. But
    # where a student can write to submitted/ and the system lets users link to what they cannot
    # read (fs.protected_hardlinks = 0, or a network disk), a link could show a staff's file to
    # the student's own code. Such a file keeps its owner; the folder is the student's.
    if about.st_nlink > 1 and about.st_uid != folder.st_uid:
        raise refusal(shown, "is a hard link to another user's file", f"copy it and {PLAIN}")


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    """Turn the system's error about a file into a reason."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error_line(error)})"
        raise refusal(shown, problem, PLAIN) from error
