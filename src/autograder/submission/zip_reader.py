"""Read a zip that may be meant to harm, within limits, without writing to disk.

`zipfile` believes what a zip says of itself: sizes, places, the length of its directory. Here
every name and declared size is checked before any content is read, and content is read only as
far as declared.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import BinaryIO

from autograder.submission.intake import (
    ONE_STUDENT,
    PLAIN,
    SMALLER,
    AcceptedFiles,
    FileLimits,
    Parts,
    SubmissionRefused,
    check_depth,
    error_line,
    is_leftover,
    refusal,
    split_path,
    without_top_folder,
)

CHUNK = 2**16
DIRECTORY_BYTES = 2**20  # of a zip's directory, which zipfile reads at once
SMALL = 1_000_000  # below this, any ratio is harmless
ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags: encrypted, strongly, and the directory too
UTF8_NAME = 0x800  # a flag
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of name and of extra field
REPACK = "pack it again or hand in plain files"

Entry = tuple[str, zipfile.ZipInfo]  # the name as written, and the rest

# what damaged zips make the libraries raise
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
)


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


class ZipReader:
    """An open zip.

    >>> reader = ZipReader(path.open("rb"), "hw.zip")
    >>> reader.names()
    ['hw/gpt2.ipynb', 'hw/notes.txt']
    >>> reader.read(only=["hw/notes.txt"])
    {'hw/notes.txt': b'...'}
    """

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        directory_bytes: int = DIRECTORY_BYTES,
        remedy: str = REPACK,
    ):
        """Read the zip's directory.

        Args:
            file: open for reading, at the zip's beginning
            name: the file's name, for reasons
            directory_bytes: how large the directory may be
            remedy: what to do about a damaged zip

        Raises:
            SubmissionRefused: it is no zip, or entries lie where they cannot be.
        """
        self.name, self.remedy = name, remedy
        self._file = _BoundedReads(file, directory_bytes)
        with self._damage_refused():
            self._zip = zipfile.ZipFile(self._file)
            self.entries = [(_name(info), info) for info in self._zip.infolist()]
            self._check_ranges()

    def names(self) -> list[str]:
        """Return the names of all files, without what operating systems leave behind."""
        return [
            name
            for name, info in self.entries
            if not info.is_dir() and not is_leftover(tuple(name.split("/")))
        ]

    def read(
        self, limits: FileLimits = ONE_STUDENT, only: Iterable[str] | None = None
    ) -> dict[str, bytes]:
        """Return name -> content of one student's files: all of them, or ``only`` those named.

        Raises:
            SubmissionRefused: one of them is not taken, and so none of them.
        """
        accepted = AcceptedFiles(limits)
        wanted = None if only is None else set(only)
        entries = [entry for entry in self.entries if wanted is None or entry[0] in wanted]
        with self._damage_refused():
            for parts, info in _checked(entries, accepted):
                accepted.add(parts, self._content(info))
        return accepted.files

    def _content(self, info: zipfile.ZipInfo) -> bytes:
        """Return what an entry holds, if that is as much as its header says."""
        longer = copy(info)
        longer.file_size += CHUNK  # zipfile would stop at the declared size and say nothing
        with self._zip.open(longer) as stream:
            chunks: list[bytes] = []
            left = info.file_size + 1
            while chunk := stream.read(min(CHUNK, left)):
                chunks.append(chunk)
                left -= len(chunk)
        if left != 1:
            raise refusal(_name(info), "has another size than the archive says", REPACK)
        return b"".join(chunks)

    def _check_ranges(self) -> None:
        """Refuse entries that share bytes, by which a small file can hold terabytes."""
        size = self._file.seek(0, io.SEEK_END)
        if sum(info.compress_size for _, info in self.entries) > size:
            raise SubmissionRefused(
                f"the archive's entries are larger than the archive: {self.remedy}"
            )
        end = 0
        for name, info in sorted(self.entries, key=lambda entry: entry[1].header_offset):
            if info.header_offset < end:
                raise refusal(name, "overlaps another entry", self.remedy)
            end = self._end_of(name, info)
        if end > size:
            raise SubmissionRefused(f"the archive stops early: {self.remedy}")

    def _end_of(self, name: str, info: zipfile.ZipInfo) -> int:
        """Return where an entry ends, by its own header and not by the directory."""
        self._file.seek(info.header_offset)
        signature, name_length, extra_length = LOCAL_HEADER.unpack(
            self._file.read(LOCAL_HEADER.size)
        )
        if signature != b"PK\3\4":
            raise refusal(name, "is not where the archive says", self.remedy)
        content = info.header_offset + LOCAL_HEADER.size + int(name_length) + int(extra_length)
        return content + info.compress_size

    @contextmanager
    def _damage_refused(self) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            raise refusal(self.name, f"is damaged ({error_line(error)})", self.remedy) from error


class _BoundedReads:
    """A file that refuses to give more than a directory's bytes at a time."""

    def __init__(self, file: BinaryIO, most: int):
        self.file, self.most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1, /) -> bytes:
        content = b"" if size > self.most else self.file.read(size if size >= 0 else self.most + 1)
        if size > self.most or len(content) > self.most:
            raise SubmissionRefused(f"the archive's directory is too large: {SMALLER}")
        return content


def _name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name as written; macOS writes UTF-8 without setting the flag."""
    if info.flag_bits & UTF8_NAME:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _checked(entries: list[Entry], accepted: AcceptedFiles) -> list[tuple[Parts, zipfile.ZipInfo]]:
    """Return the files to read, after checking all names and declared sizes."""
    files: list[tuple[Parts, zipfile.ZipInfo]] = []
    for name, info in entries:
        accepted.count_entry(name)
        parts, is_folder = split_path(name), _is_folder(info, name)
        if is_leftover(parts):
            continue
        accepted.claim(parts, is_folder)
        if not is_folder:
            size_before = sum(info.file_size for _, info in files)
            accepted.check_room(info.file_size, name, len(files), size_before)
            _check_packing(info, name, accepted.limits)
            files.append((parts, info))
    return files


def _is_folder(info: zipfile.ZipInfo, name: str) -> bool:
    """Return whether an entry is a folder; refuse anything that is not a file either."""
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise refusal(name, "is a symbolic link", PLAIN)
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refusal(name, "is a device, pipe or socket", PLAIN)
    return name.endswith("/") or stat.S_ISDIR(mode)


def _check_packing(info: zipfile.ZipInfo, name: str, limits: FileLimits) -> None:
    if info.flag_bits & ENCRYPTED:
        raise refusal(name, "is encrypted", f"{PLAIN}, without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the other methods without a bound on what comes out at a time
        raise refusal(name, f"is packed in an unusual way ({info.compress_type})", REPACK)
    if info.file_size > max(SMALL, limits.ratio * info.compress_size):
        raise refusal(name, f"unpacks to more than {limits.ratio} times its size", PLAIN)
