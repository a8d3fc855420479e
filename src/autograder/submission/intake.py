"""Take what a student handed in, a folder or an archive, as names and bytes, or refuse it.

What is handed in may be meant to harm: links out of the folder, names that leave it, archives
that unpack to terabytes. Nothing here follows a link, writes to the disk, or believes a size.
Needs a POSIX system, for ``O_NOFOLLOW``.

This module does not know what the files are for, nor whether a notebook is among them.
"""

import bz2
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
SKIPPED = {".ipynb_checkpoints", "__pycache__", ".DS_Store", "__MACOSX", "Thumbs.db"}
CHUNK = 2**16
PATH = 4096  # characters, as the system has it
INDEX_BYTES = 2**20  # of a zip's directory, and of a tar's extended header
TAR_OVERHEAD = 10_000_000  # headers and padding beyond the files themselves
STREAMS = 10_000  # compressed streams one after another in one file
XZ_MEMORY = 100_000_000  # xz -9 needs 68 MB to unpack
SMALL = 1_000_000  # below this, any ratio is harmless
ENTRIES = 10  # folders, headers and skipped files included, for each file allowed
ENCRYPTED = 0x1 | 0x40 | 0x2000  # zip flags: encrypted, strongly, and the directory too
LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a zip entry: signature, length of name and extra
PAX, PAX_GLOBAL, LONG_NAME, LONG_LINK = (b"x", b"X"), b"g", b"L", b"K"  # tar's extended headers
SPARSE = ("GNU.sparse.", "SUN.holesdata", "SCHILY.realsize")  # their keys in pax headers
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

# what damaged archives make the libraries raise
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
)

PLAIN = "hand in plain files"
SMALLER = "leave out what is not asked for and hand in plain files"
RENAME = "give it a plain name and hand in plain files"
REPACK = "pack it again or hand in plain files"


class SubmissionRefused(Exception):  # noqa: N818 (it is the student who erred)
    """What was handed in is not taken; the message says why in one line."""


@dataclass(frozen=True)
class FileLimits:
    """How much is taken."""

    files: int = 200
    file_bytes: int = 20_000_000
    total_bytes: int = 50_000_000
    ratio: int = 200  # unpacked to packed, above 1 MB unpacked
    depth: int = 8  # folders, one inside the other
    name_bytes: int = 200  # of a file or folder, without those around it


def read(path: Path, limits: FileLimits = FileLimits()) -> dict[str, bytes]:
    """Return the files of a folder or an archive, as the other two do.

    Raises:
        SubmissionRefused: with the reason.
    """
    with _readable(path.name):
        seen = path.lstat()
    is_folder = stat.S_ISDIR(seen.st_mode)
    if not is_folder:
        _check_plain(seen, path.name)
    return read_folder(path, limits) if is_folder else read_archive(path, limits)


def read_folder(folder: Path, limits: FileLimits = FileLimits()) -> dict[str, bytes]:
    """Return relative POSIX path -> content of each regular file below folder, sorted.

    What operating systems and Jupyter leave behind is skipped. Links above ``folder`` are
    followed, as they are the course's own; ``folder`` itself and all below are not.

    Raises:
        SubmissionRefused: with the reason.
    """
    taken = _Taken(limits)
    with _opened_folder(folder, folder.name) as at:
        _walk(at, (), taken)
    return dict(sorted(taken.files.items()))


def read_archive(path: Path, limits: FileLimits = FileLimits()) -> dict[str, bytes]:
    """Return the same from an archive, without writing anything to disk.

    Where all files lie in a single top folder, its name is left out.

    Raises:
        SubmissionRefused: with the reason.
    """
    if not path.name.lower().endswith(ARCHIVES):
        raise _refusal(path.name, "is no archive known here", f"{PLAIN}, or {', '.join(ARCHIVES)}")
    taken = _Taken(limits)
    with _readable(path.name), closing(_Careful(_open_file(path, path.name))) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limits.total_bytes:
            raise _refusal(path.name, f"has more than {limits.total_bytes} bytes", SMALLER)
        unpack = _unpack_zip if path.name.lower().endswith(".zip") else _unpack_tar
        try:
            unpack(file, size, taken)
        except DAMAGE as error:
            raise _refusal(path.name, f"is damaged ({_one_line(error)})", REPACK) from error
    if not taken.files:
        raise _refusal(path.name, "holds no file", PLAIN)
    return _without_top_folder(taken.files, limits)


def _without_top_folder(files: dict[str, bytes], limits: FileLimits) -> dict[str, bytes]:
    tops = {name.partition("/")[0] for name in files}
    if len(tops) == 1 and all("/" in name for name in files):
        files = {name.partition("/")[2]: content for name, content in files.items()}
    for name in files:
        _check_depth(name.count("/"), name, limits)
    return dict(sorted(files.items()))


# What is taken, from wherever


@dataclass
class _Taken:
    """The files so far, and whether there is room for more."""

    limits: FileLimits
    files: dict[str, bytes] = field(default_factory=dict)
    total: int = 0
    entries: int = 0
    file_keys: set[tuple[str, ...]] = field(default_factory=set)
    folder_keys: set[tuple[str, ...]] = field(default_factory=set)

    def count(self, shown: str) -> None:
        """Note one more entry of any kind."""
        self.entries += 1
        most = ENTRIES * self.limits.files
        if self.entries > most:
            raise _refusal(shown, f"is one of more than {most} files and folders", SMALLER)

    def check_kernel(self, size: int, shown: str, waiting: int = 0) -> None:
        """Refuse one more file of a size, ``waiting`` bytes being promised to others."""
        if len(self.files) >= self.limits.files:
            raise _refusal(shown, f"is one of more than {self.limits.files} files", SMALLER)
        if size > self.limits.file_bytes:
            raise _refusal(shown, f"has more than {self.limits.file_bytes} bytes", SMALLER)
        if self.total + waiting + size > self.limits.total_bytes:
            most = self.limits.total_bytes
            raise _refusal(shown, f"brings the whole to more than {most} bytes", SMALLER)

    def claim(self, parts: tuple[str, ...], is_folder: bool) -> None:
        """Refuse a name that is too long, or another's, as Windows and macOS compare names."""
        name = "/".join(parts)
        _check_lengths(parts, name, self.limits)
        if not parts and not is_folder:
            raise _refusal(name, "has no name", PLAIN)
        key = tuple(_folded(part) for part in parts)
        above = {key[:length] for length in range(1, len(key) + is_folder)}
        if above & self.file_keys or (not is_folder and key in self.file_keys | self.folder_keys):
            problem = "is there twice, or as a file and a folder (case does not tell names apart)"
            raise _refusal(name, problem, f"rename one of them and {PLAIN}")
        self.folder_keys |= above
        if not is_folder:
            self.file_keys.add(key)

    def put(self, parts: tuple[str, ...], content: bytes) -> None:
        """Take a file."""
        self.check_kernel(len(content), "/".join(parts))
        self.total += len(content)
        self.files["/".join(parts)] = content


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _is_skipped(parts: tuple[str, ...]) -> bool:
    return any(part in SKIPPED or part.startswith("._") for part in parts)


def _parts(name: str) -> tuple[str, ...]:
    """Return the folders and the name that a path is made of, or refuse it."""
    if len(name) > PATH:
        raise _refusal(name, f"has a path of more than {PATH} characters", RENAME)
    if not _is_utf8(name):
        raise _refusal(name, "is not UTF-8", RENAME)
    if any(_is_control(character) for character in name):
        raise _refusal(name, "has control characters in its name", RENAME)
    if "\\" in name:
        raise _refusal(name, "has a backslash in its name", RENAME)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise _refusal(name, "is an absolute path", PLAIN)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise _refusal(name, "leads out of its folder", PLAIN)
    return parts


def _check_lengths(parts: tuple[str, ...], name: str, limits: FileLimits) -> None:
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        raise _refusal(name, f"has a name of more than {limits.name_bytes} bytes", RENAME)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_control(character: str) -> bool:
    kind, direction = unicodedata.category(character), unicodedata.bidirectional(character)
    return kind in ("Cc", "Zl", "Zp") or direction in BIDIRECTIONAL


def _check_depth(folders: int, name: str, limits: FileLimits) -> None:
    if folders > limits.depth:
        problem = f"lies in more than {limits.depth} folders, one inside the other"
        raise _refusal(name, problem, f"use fewer and {PLAIN}")


# Folders


def _walk(at: int, above: tuple[str, ...], taken: _Taken) -> None:
    """Take all files below the folder that ``at`` is open on."""
    for name in _listed(at, above, taken):
        parts = (*above, name)
        shown = "/".join(parts)
        _check_lengths(_parts(shown), shown, taken.limits)
        with _readable(shown):
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        if is_folder:
            _check_depth(len(parts), shown, taken.limits)
            with _opened_folder(name, shown, at) as below:
                _walk(below, parts, taken)
        else:
            taken.put(parts, _read_file(name, shown, at, taken))


def _listed(at: int, above: tuple[str, ...], taken: _Taken) -> list[str]:
    names = []
    with _readable("/".join(above)), os.scandir(at) as entries:
        for entry in entries:
            taken.count("/".join((*above, entry.name)))
            if not _is_skipped((entry.name,)):
                names.append(entry.name)
    return sorted(names)


def _read_file(name: str, shown: str, at: int, taken: _Taken) -> bytes:
    """Return what a file holds, and of one that grows a byte more than is taken."""
    with _readable(shown), os.fdopen(_open_file(name, shown, at), "rb") as file:
        taken.check_kernel(os.fstat(file.fileno()).st_size, shown)
        return file.read(min(taken.limits.file_bytes, taken.limits.total_bytes - taken.total) + 1)


@contextmanager
def _opened_folder(name: str | Path, shown: str, at: int | None = None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with _readable(shown):
        seen = os.stat(name, dir_fd=at, follow_symlinks=False)
        if not stat.S_ISDIR(seen.st_mode):
            _check_plain(seen, shown)
        opened = os.open(name, flags, dir_fd=at)
    try:
        yield opened
    finally:
        os.close(opened)


def _open_file(name: str | Path, shown: str, at: int | None = None) -> int:
    """Open a regular file.

    What it is is asked before, since devices may act on being opened, and again after, since it
    may have become another.
    """
    _check_plain(os.stat(name, dir_fd=at, follow_symlinks=False), shown)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    opened = os.open(name, flags, dir_fd=at)
    try:
        _check_plain(os.fstat(opened), shown)
    except BaseException:
        os.close(opened)
        raise
    return opened


def _check_plain(seen: os.stat_result, shown: str) -> None:
    if stat.S_ISLNK(seen.st_mode):
        raise _refusal(shown, "is a symbolic link", PLAIN)
    if not stat.S_ISREG(seen.st_mode):
        raise _refusal(shown, "is a device, pipe or socket", PLAIN)
    if seen.st_nlink > 1:
        raise _refusal(shown, "is a hard link", PLAIN)


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    """Make what the system says about a file a reason."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be read ({error.strerror or _one_line(error)})"
        raise _refusal(shown, problem, PLAIN) from error


# Zip


class _Careful(io.FileIO):
    """A file that does not give much at a time, however large its directory says it is."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most INDEX_BYTES."""
        asked = INDEX_BYTES + 1 if size is None or size < 0 else size
        got = b"" if asked > INDEX_BYTES + 1 else super().read(asked) or b""
        if asked > INDEX_BYTES + 1 or len(got) > INDEX_BYTES:
            raise SubmissionRefused(f"the archive's directory is too large: {SMALLER}")
        return got


def _unpack_zip(file: _Careful, size: int, taken: _Taken) -> None:
    """Take the files of a zip; all names and declared sizes are looked at before any content."""
    with zipfile.ZipFile(file) as archive:
        chosen = _chosen(archive.infolist(), taken)
        _check_ranges(file, archive.infolist(), size)
        for parts, info in chosen:
            taken.put(parts, _zip_content(archive, info))


def _chosen(
    infos: list[zipfile.ZipInfo], taken: _Taken
) -> list[tuple[tuple[str, ...], zipfile.ZipInfo]]:
    chosen: list[tuple[tuple[str, ...], zipfile.ZipInfo]] = []
    waiting = 0
    for info in infos:
        name = _zip_name(info)
        taken.count(name)
        parts = _parts(name)
        is_folder = _check_zip_kind(info, name)
        if _is_skipped(parts):
            continue
        taken.claim(parts, is_folder)
        if is_folder:
            continue
        taken.check_kernel(info.file_size, name, waiting)
        _check_zip_content(info, name, taken.limits)
        if len(chosen) >= taken.limits.files:
            raise _refusal(name, f"is one of more than {taken.limits.files} files", SMALLER)
        waiting += info.file_size
        chosen.append((parts, info))
    return chosen


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return the name as written; macOS writes UTF-8 without saying so."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _check_zip_kind(info: zipfile.ZipInfo, name: str) -> bool:
    """Return whether an entry is a folder; refuse what is no file either."""
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise _refusal(name, "is a symbolic link", PLAIN)
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refusal(name, "is a device, pipe or socket", PLAIN)
    return name.endswith("/") or stat.S_ISDIR(mode)


def _check_zip_content(info: zipfile.ZipInfo, name: str, limits: FileLimits) -> None:
    if info.flag_bits & ENCRYPTED:
        raise _refusal(name, "is encrypted", f"{PLAIN}, without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the other methods without a bound on what comes out at a time
        raise _refusal(name, f"is packed in an unusual way ({info.compress_type})", REPACK)
    if info.file_size > max(SMALL, limits.ratio * info.compress_size):
        raise _refusal(name, f"unpacks to more than {limits.ratio} times its size", PLAIN)


def _check_ranges(file: _Careful, infos: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse entries that share bytes, by which a small file can hold terabytes."""
    if sum(info.compress_size for info in infos) > size:
        raise SubmissionRefused(f"the archive's entries are larger than the archive: {REPACK}")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = _zip_name(info)
        if info.header_offset < end:
            raise _refusal(name, "overlaps another entry", REPACK)
        file.seek(info.header_offset)
        signature, name_length, extra_length = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        if signature != b"PK\3\4":
            raise _refusal(name, "is not where the archive says", REPACK)
        content = info.header_offset + LOCAL_HEADER.size + name_length + extra_length
        end = content + info.compress_size
    if end > size:
        raise SubmissionRefused(f"the archive stops early: {REPACK}")


def _zip_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return what an entry holds, if that is as much as its header says."""
    declared = info.file_size
    info.file_size += CHUNK  # zipfile would stop at what is declared, without a word
    chunks, count = [], 0
    with archive.open(info) as stream:
        while chunk := stream.read(min(CHUNK, declared + 1 - count)):
            chunks.append(chunk)
            count += len(chunk)
    if count != declared:
        raise _refusal(_zip_name(info), "has another size than the archive says", REPACK)
    return b"".join(chunks)


# Tar


class _Decompressor(Protocol):
    """What zlib's, bz2's and lzma's have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


COMPRESSIONS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY),
}


def _unpack_tar(file: _Careful, size: int, taken: _Taken) -> None:
    """Take the files of a tar.

    The headers are followed here and not by ``tarfile.open``: that reads an extended header of
    any size at once, searches it in quadratic time, and ends quietly at a damaged one.
    """
    stream = _Stream(_decompressed(file), size, taken.limits)
    for info, name in _tar_entries(stream, taken):
        parts = _parts(name)
        is_folder = _check_tar_kind(info, name)
        if _is_skipped(parts):
            stream.skip(_blocks(info.size))
            continue
        taken.claim(parts, is_folder)
        if not is_folder:
            taken.check_kernel(info.size, name)
            taken.put(parts, stream.take(info.size))
            stream.skip(_blocks(info.size) - info.size)
    stream.drain()  # so that checksums at the end are looked at


def _decompressed(file: _Careful) -> Iterator[bytes]:
    """Yield what a file holds, unpacked if it is packed, never much at a time."""
    head = file.read(CHUNK)
    for magic, new in COMPRESSIONS.items():
        if head.startswith(magic):
            yield from _streams(file, head, new)
            return
    while head:
        yield head
        head = file.read(CHUNK)


def _streams(file: _Careful, packed: bytes, new: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Yield the content of compressed streams that lie one after another, padded or not."""
    for _ in range(STREAMS):
        machine = new()
        while not machine.eof:
            chunk = machine.decompress(packed, CHUNK)
            packed = getattr(machine, "unconsumed_tail", b"")  # bz2 and lzma keep it themselves
            if chunk:
                yield chunk
            elif not packed and not machine.eof:
                packed = file.read(CHUNK)
                if not packed:
                    raise EOFError("it stops early")
        packed = (machine.unused_data or file.read(CHUNK)).lstrip(b"\0")
        if not packed:
            return
    raise tarfile.ReadError("it is in too many pieces")


class _Stream:
    """An unpacked tar, given by number of bytes; more than limits allow is refused."""

    def __init__(self, chunks: Iterator[bytes], packed: int, limits: FileLimits):
        self.chunks, self.packed, self.limits = chunks, packed, limits
        self.buffer, self.count = bytearray(), 0

    def take(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        while len(self.buffer) < size:
            self.buffer += self._next()
        with memoryview(self.buffer) as view:
            taken = bytes(view[:size])
        del self.buffer[:size]
        return taken

    def skip(self, size: int) -> None:
        """Pass over so many bytes without keeping them."""
        while size > len(self.buffer):
            size -= len(self.buffer)
            self.buffer[:] = self._next()
        del self.buffer[:size]

    def drain(self) -> None:
        """Pass over all that is left."""
        for chunk in self.chunks:
            self._count(chunk)

    def _next(self) -> bytes:
        chunk = next(self.chunks, b"")
        if not chunk:
            raise EOFError("it stops early")
        self._count(chunk)
        return chunk

    def _count(self, chunk: bytes) -> None:
        self.count += len(chunk)
        if self.count > max(SMALL, self.limits.ratio * self.packed):
            ratio = self.limits.ratio
            raise SubmissionRefused(
                f"the archive unpacks to more than {ratio} times its size: {PLAIN}"
            )
        if self.count > self.limits.total_bytes + TAR_OVERHEAD:
            most = self.limits.total_bytes
            raise SubmissionRefused(f"the archive unpacks to more than {most} bytes: {SMALLER}")


def _tar_entries(stream: _Stream, taken: _Taken) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Yield header and name of each entry; whoever takes it must take or skip its content."""
    extended: dict[str, str] = {}
    while any(header := stream.take(tarfile.BLOCKSIZE)):
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        taken.count(info.name)
        if info.type in (*PAX, PAX_GLOBAL, LONG_NAME, LONG_LINK):
            new = _extended(info, stream)
            if (info.type == PAX_GLOBAL and new) or extended.keys() & new.keys():
                raise _refusal(info.name, "renames or resizes what others say", REPACK)
            extended |= new
            continue
        if "size" in extended:
            info.size = int(extended["size"])
        if info.size < 0:
            raise tarfile.ReadError("a negative size")
        name, extended = extended.get("path", info.name), {}
        yield info, name


def _extended(info: tarfile.TarInfo, stream: _Stream) -> dict[str, str]:
    """Return what an extended header says about the next entry: its path, its size, or both."""
    if not 0 <= info.size <= INDEX_BYTES:
        raise _refusal(info.name, f"is a header of more than {INDEX_BYTES} bytes", REPACK)
    content = stream.take(info.size)
    stream.skip(_blocks(info.size) - info.size)
    if info.type == LONG_LINK:
        return {}
    if info.type == LONG_NAME:
        return {"path": _text(content.partition(b"\0")[0])}
    records = {_text(key): _text(value) for key, value in _pax_records(content)}
    if any(key.startswith(SPARSE) for key in records):
        raise _refusal(info.name, "is a sparse file", PLAIN)
    if not re.fullmatch(r"[0-9]+", records.get("size", "0")):
        raise tarfile.ReadError("a size that is no number")
    return {key: records[key] for key in ("path", "size") if key in records}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of records that read ``length key=value`` and a line's end."""
    start = 0
    while start < len(content):
        digits = content[start : start + 20].partition(b" ")[0]
        end = start + int(digits) if digits.isdigit() else 0
        record = content[start + len(digits) + 1 : end]
        if end > len(content) or not record.endswith(b"\n"):
            raise tarfile.ReadError("a bad extended header")
        key, _, value = record[:-1].partition(b"=")
        yield key, value
        start = end


def _check_tar_kind(info: tarfile.TarInfo, name: str) -> bool:
    """Return whether an entry is a folder; refuse what is no file either."""
    if info.issym() or info.islnk():
        raise _refusal(name, "is a link", PLAIN)
    if info.isdev():
        raise _refusal(name, "is a device or pipe", PLAIN)
    if info.type == tarfile.GNUTYPE_SPARSE:
        raise _refusal(name, "is a sparse file", PLAIN)
    if not (info.isreg() or info.isdir()) or (info.isdir() and info.size):
        raise _refusal(name, "is of an unknown kind", PLAIN)
    return info.isdir()


def _blocks(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


# Reasons


def _refusal(name: str, problem: str, remedy: str) -> SubmissionRefused:
    return SubmissionRefused(f"{_shown(name)} {problem}: {remedy}")


def _shown(name: str) -> str:
    """Return a name in quotes, escaped, of 80 characters at most."""
    text = repr(name[:80])
    return text if len(name) <= 80 and len(text) <= 80 else f"{text[:76]}...{text[0]}"


def _one_line(error: Exception) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in str(error)[:80])
    return text.strip() or type(error).__name__
