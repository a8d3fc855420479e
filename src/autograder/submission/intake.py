"""Take what a student handed in, a folder or a zip, as names and bytes, or refuse it.

Nothing here follows a link, writes to the disk, or believes a size. Needs a POSIX system, for
``O_NOFOLLOW``.

This module does not know what the files are for, nor whether a notebook is among them.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.submission.accepted_files import (
    ONE_STUDENT,
    PLAIN,
    SMALLER,
    AcceptedFiles,
    FileLimits,
    Parts,
    SubmissionRefused,
    check_depth,
    check_name_lengths,
    error_line,
    is_leftover,
    refusal,
    split_path,
)
from autograder.submission.zip_reader import ZipReader

__all__ = ["FileLimits", "SubmissionRefused", "read_folder", "read_zip", "without_top_folder"]


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


def read_zip(content: bytes, name: str, limits: FileLimits = ONE_STUDENT) -> dict[str, bytes]:
    """Return the files of a zip in the same way, without writing anything to disk.

    If all files lie in a single top folder, its name is left out.

    Args:
        content: the zip's bytes
        name: its name, for reasons
        limits: how much is taken

    Raises:
        SubmissionRefused: with the reason.
    """
    if len(content) > limits.total_bytes:
        raise refusal(name, f"has more than {limits.total_bytes} bytes", SMALLER)
    files = without_top_folder(ZipReader(io.BytesIO(content), name).read(limits))
    if not files:
        raise refusal(name, "holds no file", PLAIN)
    for path in files:
        check_depth(path.count("/"), path, limits)
    return dict(sorted(files.items()))


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
