import io
import os
import random
import re
import socket
import stat
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from autograder.submission.intake import FileLimits, SubmissionRefused, read_folder
from autograder.submission.zip_reader import read_zip

FILES = {"data/a.txt": b"a" * 70_000, "hw.ipynb": b"{}", "z/y/x.png": bytes(range(256))}
LEFTOVERS = (
    ".ipynb_checkpoints/hw.ipynb",
    "z/__pycache__/m.pyc",
    ".DS_Store",
    "z/.DS_Store",
    "__MACOSX/._hw.ipynb",
    "Thumbs.db",
    "z/._x.png",
)
MEGABYTE = 2**20
DEFAULT = FileLimits()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def read(path, limits=DEFAULT):
    """What is taken of a folder or a zip."""
    if path.is_dir():
        return read_folder(path, limits)
    return read_zip(path.read_bytes(), path.name, limits)


def write_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_zip(path, files, packed=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


class RawZip:
    """A zip written by hand, in which nothing needs to be true."""

    def __init__(self):
        self.body, self.directory, self.entries = b"", b"", 0

    def content(self, name, content, size=None, crc=None, packed=None):
        """Add a local header and its content; return what a directory says of them."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packed if packed is not None else deflate.compress(content) + deflate.flush()
        size = len(content) if size is None else size
        crc = zlib.crc32(content) if crc is None else crc
        offset = len(self.body)
        self.body += (
            struct.pack(
                "<4s5H3I2H", b"PK\3\4", 20, 0x800, 8, 0, 33, crc, len(packed), size, len(name), 0
            )
            + name
            + packed
        )
        return {"offset": offset, "crc": crc, "packed": len(packed), "size": size}

    def list(self, name, offset, crc, packed, size, flags=0x800, method=8, mode=0):
        self.entries += 1
        self.directory += (
            struct.pack(
                "<4s6H3I5H2I",
                b"PK\1\2",
                0x314,
                20,
                flags,
                method,
                0,
                33,
                crc,
                packed,
                size,
                len(name),
                0,
                0,
                0,
                0,
                mode << 16,
                offset,
            )
            + name
        )

    def add(self, name, content=b"x", size=None, crc=None, packed=None, **listed):
        self.list(name, **self.content(name, content, size, crc, packed), **listed)
        return self

    def write(self, path):
        end = struct.pack(
            "<4s4H2IH",
            b"PK\5\6",
            0,
            0,
            self.entries,
            self.entries,
            len(self.directory),
            len(self.body),
            0,
        )
        path.write_bytes(self.body + self.directory + end)
        return path


def reason(path, limits=DEFAULT):
    """Why something is refused, which is always one short line that says what to do."""
    with pytest.raises(SubmissionRefused) as caught:
        read(path, limits)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 300
    assert "hand " in said.partition(": ")[2]
    return said


@pytest.fixture
def archive(tmp_path):
    return lambda files: write_zip(tmp_path / "hw.zip", files)


@pytest.fixture(params=["folder", "zip"])
def handed_in(request, tmp_path):
    """Files, handed in one way or another."""

    def hand_in(files):
        if request.param == "folder":
            return write_folder(tmp_path / "hw", files)
        return write_zip(tmp_path / "hw.zip", {"hw/" + n: files[n] for n in files})

    return hand_in


# What is taken


def test_a_folders_files_are_read_in_order(tmp_path):
    assert list(read_folder(write_folder(tmp_path / "hw", FILES)).items()) == sorted(FILES.items())


def test_a_zips_files_are_read_in_order(archive):
    assert list(read(archive(dict(reversed(FILES.items())))).items()) == sorted(FILES.items())


def test_the_folder_that_was_packed_is_left_out_of_names(archive):
    files = {f"my work/{name}": content for name, content in FILES.items()}
    files["__MACOSX/my work/._hw.ipynb"] = b"?"
    assert read(archive(files)) == FILES


def test_only_one_folder_is_left_out_and_only_where_all_files_lie_in_it(archive):
    assert read(archive({"a/b/c": b"1"})) == {"b/c": b"1"}
    assert read(archive({"a/b": b"1", "a/c": b""})) == {"b": b"1", "c": b""}
    assert read(archive({"a/b": b"1", "c": b"2"})) == {"a/b": b"1", "c": b"2"}
    assert read(archive({"a/b": b"1", "c/d": b"2"})) == {"a/b": b"1", "c/d": b"2"}
    assert read(archive({"a": b"1"})) == {"a": b"1"}


def test_entries_for_folders_are_no_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "hw.zip", "w") as packed:
        packed.mkdir("hw")
        packed.writestr("hw/a", b"1")
    assert read(tmp_path / "hw.zip") == {"a": b"1"}


def test_a_zip_may_have_something_before_and_after_it(tmp_path):
    path = write_zip(tmp_path / "hw.zip", FILES)
    path.write_bytes(b"#!/bin/sh\n" * 100 + path.read_bytes() + b"\n")
    assert read(path) == FILES


def test_a_zip_from_a_mac_has_its_names_in_utf8_without_saying_so(tmp_path):
    raw = RawZip()
    for name in ("Lösung".encode(), "Größe".encode("cp437")):
        raw.list(name, **raw.content(name, b"x"), flags=0)
    raw.body = raw.body.replace(struct.pack("<2H", 0x800, 8), struct.pack("<2H", 0, 8))
    assert read(raw.write(tmp_path / "hw.zip")) == {"Größe": b"x", "Lösung": b"x"}


def test_an_archive_in_an_archive_is_a_file(tmp_path):
    inner = write_zip(tmp_path / "inner.zip", {"../evil": b""}).read_bytes()
    assert read(write_zip(tmp_path / "hw.zip", {"inner.zip": inner})) == {"inner.zip": inner}


def test_leftovers_of_systems_and_jupyter_are_skipped(handed_in):
    assert read(handed_in({**FILES, **dict.fromkeys(LEFTOVERS, b"?")})) == FILES


def test_a_leftover_may_be_larger_than_a_file(archive):
    limits = FileLimits(file_bytes=10)
    assert read(archive({"a": b"1", "._a": bytes(1000), "b": b"2"}), limits) == {
        "a": b"1",
        "b": b"2",
    }


def test_nothing_is_written_and_no_file_stays_open(tmp_path, archive):
    path, bad = archive(FILES), write_folder(tmp_path / "bad", {"a/b/c": b"x"})
    (bad / "a" / "b" / "link").symlink_to("c")
    before = sorted(tmp_path.rglob("*")), sorted(Path("/proc/self/fd").iterdir())
    read(path)
    reason(bad)
    assert (sorted(tmp_path.rglob("*")), sorted(Path("/proc/self/fd").iterdir())) == before


# FileLimits


def test_what_is_just_within_the_limits_is_taken_and_a_bit_more_is_not(handed_in):
    files = {"a": b"123", "b/c/d": b"4567", "b/eé": b""}
    path = handed_in(files)
    exact = {"files": 3, "file_bytes": 4, "total_bytes": 7, "depth": 2, "name_bytes": 3}
    spare = {} if path.is_dir() else {"total_bytes": 100_000}  # also of the archive itself
    assert read(path, FileLimits(**exact | spare)) == files
    said = {"files": "files", "file_bytes": "b/c/d'", "depth": "folders", "name_bytes": "b/eé'"}
    for limit, words in said.items():
        assert words in reason(path, FileLimits(**exact | spare | {limit: exact[limit] - 1}))


def test_the_sum_of_all_files_is_limited(handed_in):
    path = handed_in({name: random.Random(name).randbytes(9000) for name in "abc"})
    size = 27_000 if path.is_dir() else max(27_000, path.stat().st_size)
    assert len(read(path, FileLimits(total_bytes=size))) == 3
    assert "bytes" in reason(path, FileLimits(total_bytes=26_999))


def test_the_sum_of_all_files_counts_what_packs_well(tmp_path):
    path = write_zip(tmp_path / "hw.zip", {name: bytes(9000) for name in "abc"})
    assert len(read(path, FileLimits(total_bytes=27_000))) == 3
    assert "'c' brings the total to more than" in reason(path, FileLimits(total_bytes=26_999))


def test_an_archive_larger_than_all_it_may_hold_is_not_opened(tmp_path, monkeypatch):
    path = write_zip(tmp_path / "hw.zip", {"a": b""})
    monkeypatch.setattr(zipfile, "ZipFile", None)
    size = path.stat().st_size
    assert f"more than {size - 1} bytes" in reason(path, FileLimits(total_bytes=size - 1))


def test_folders_and_leftovers_are_counted_too(tmp_path):
    limits = FileLimits(files=2)
    for many in (range(20), range(21)):
        folder = tmp_path / f"{len(many)}"
        for number in many:
            (folder / f"folder{number}").mkdir(parents=True)
        path = write_zip(tmp_path / f"{len(many)}.zip", {f"d{n}/": b"" for n in many})
        if len(many) == 20:
            assert read(folder, limits) == {}
            assert "no file" in reason(path, limits)
        else:
            for refused in (folder, path):
                assert "one of more than 20 files and folders" in reason(refused, limits)


def test_a_zip_is_refused_by_what_it_says_before_any_content_is_read(tmp_path):
    raw = RawZip().add(b"broken", b"x" * 50, crc=1).add(b"b", b"x" * 50).add(b"c", b"x" * 50)
    path = raw.write(tmp_path / "hw.zip")
    assert "damaged" in reason(path)
    assert "'c' is one of more than 2 files" in reason(path, FileLimits(files=2))
    raw.add(b"d", b"x" * 1000)
    path = raw.write(tmp_path / "hw.zip")
    assert "'d' brings the total to" in reason(path, FileLimits(total_bytes=1149))


def test_a_large_zip_directory_is_not_read(tmp_path):
    raw = RawZip()
    place = raw.content(b"a", b"x")
    raw.list(b"a", **place)
    raw.directory *= 200_000
    path = raw.write(tmp_path / "hw.zip")
    assert "directory is too large" in reason(path)
    content = path.read_bytes()

    def attempt():
        with suppress(SubmissionRefused):
            read_zip(content, "hw.zip")

    assert peak(attempt) < 2 * MEGABYTE


def test_a_zip_without_files_is_refused(archive):
    assert "holds no file" in reason(archive({}))
    assert "holds no file" in reason(archive({"__MACOSX/a": b""}))


def test_a_folder_without_files_is_empty(tmp_path):
    assert read_folder(tmp_path) == {}


# Folders


def test_a_link_is_refused_wherever_it_is_and_points(tmp_path):
    secret = write_folder(tmp_path / "secret", {"key": b"secret"})
    for number, target in enumerate([secret, secret / "key", "a", "/nowhere", "."]):
        folder = write_folder(tmp_path / f"hw{number}", {"a": b"", "b/c": b""})
        (folder / "b" / "link").symlink_to(target)
        assert "'b/link' is a symbolic link" in reason(folder)
    (tmp_path / "itself").symlink_to(secret)
    assert "'itself' is a symbolic link" in reason(tmp_path / "itself")


def test_a_skipped_name_is_not_followed_either(tmp_path):
    folder = write_folder(tmp_path / "hw", FILES)
    (folder / "__pycache__").symlink_to("/")
    (folder / "._x").symlink_to("hw.ipynb")
    assert read(folder) == FILES


def test_a_course_restored_as_hard_links_is_read(tmp_path):
    """As rsync --link-dest and cp -al restore it: every file has two names."""
    folder = write_folder(tmp_path / "submitted" / "ada" / "gpt2", FILES)
    subprocess.run(["cp", "-al", tmp_path / "submitted", tmp_path / "restored"], check=True)
    assert (folder / "hw.ipynb").stat().st_nlink == 2
    assert read(tmp_path / "restored" / "ada" / "gpt2") == FILES
    assert read(folder) == FILES


@as_root
def test_a_hard_link_to_another_users_file_is_refused(tmp_path):
    secret = write_folder(tmp_path / "source", {"master": b"secret"}) / "master"
    folder = write_folder(tmp_path / "hw", {"a": b""})
    (folder / "b").hardlink_to(secret)
    os.chown(folder, 64_001, 64_001)
    assert "'b' is a hard link to another user's file: copy it" in reason(folder)
    os.chown(secret, 64_001, 64_001)
    assert read(folder) == {"a": b"", "b": b"secret"}


def test_a_pipe_a_socket_and_a_device_are_refused_at_once(tmp_path, monkeypatch):
    for name in ("pipe", "socket"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / "p")
    monkeypatch.chdir(tmp_path / "socket")  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("p")
    for path in (tmp_path / "pipe", tmp_path / "socket"):
        assert "is a device, pipe or socket" in reason(path)


@as_root
def test_a_device_is_refused_and_not_opened(tmp_path, monkeypatch):
    (tmp_path / "hw").mkdir()
    try:
        os.mknod(tmp_path / "hw" / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this container makes no devices")
    left = swapped(monkeypatch, "null", [lambda: None])
    assert "is a device, pipe or socket" in reason(tmp_path / "hw")
    assert left


def swapped(monkeypatch, name, swap):
    """Have ``swap`` happen when ``name`` has been looked at and is about to be opened."""
    opened = os.open

    def open_later(path, *args, **kwargs):
        if Path(path).name == name and swap:
            swap.pop()()
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_later)
    return swap


def test_a_link_swapped_in_while_reading_is_not_followed(tmp_path, monkeypatch):
    secret = write_folder(tmp_path / "secret", {"key": b"secret"})
    for name, target in (("f", secret / "key"), ("d", secret), ("hw", secret)):
        folder = write_folder(tmp_path / "hw", {"d/key": b"", "f": b""})
        path = folder if name == "hw" else folder / name

        def swap(path=path, target=target, name=name):
            path.rename(tmp_path / f"was {name}")
            path.symlink_to(target)

        with monkeypatch.context() as patch:
            left = swapped(patch, name, [swap])
            assert f"'{name}' cannot be read" in reason(folder)
        assert not left
        if name != "hw":
            for item in (path, tmp_path / "was d/key", tmp_path / "hw/d/key", tmp_path / "hw/f"):
                item.unlink(missing_ok=True)


def test_a_folder_that_is_swapped_for_a_link_after_opening_is_still_itself(tmp_path, monkeypatch):
    """Names are looked up in the folder that was opened, not along the path."""
    folder = write_folder(tmp_path / "hw", {"d/key": b"mine"})
    secret = write_folder(tmp_path / "secret", {"key": b"secret"})

    def swap():
        (folder / "d").rename(tmp_path / "was d")
        (folder / "d").symlink_to(secret)

    left = swapped(monkeypatch, "key", [swap])
    assert read(folder) == {"d/key": b"mine"}
    assert not left


def test_a_pipe_swapped_in_while_reading_is_refused(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "hw", {"f": b""})

    def swap():
        (folder / "f").unlink()
        os.mkfifo(folder / "f")

    left, before = swapped(monkeypatch, "f", [swap]), sorted(Path("/proc/self/fd").iterdir())
    assert "pipe" in reason(folder)
    assert not left
    assert sorted(Path("/proc/self/fd").iterdir()) == before


@as_root
def test_another_users_file_swapped_in_while_reading_is_refused(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "hw", {"f": b""})
    (tmp_path / "secret").write_bytes(b"secret")
    for path in (folder, folder / "f"):
        os.chown(path, 64_001, 64_001)

    def swap():
        (folder / "f").unlink()
        (folder / "f").hardlink_to(tmp_path / "secret")

    left = swapped(monkeypatch, "f", [swap])
    assert "hard link" in reason(folder)
    assert not left


def test_a_file_that_grows_is_read_to_the_limit_and_refused(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "hw", {"f": b"x"})
    asked = []

    class Growing(io.BufferedReader):
        def read(self, size=-1):
            asked.append(size)
            os.truncate(folder / "f", 10**11)
            return super().read(size)

    monkeypatch.setattr(os, "fdopen", lambda fd, mode: Growing(io.FileIO(fd)))
    assert "'f' has more than 1000 bytes" in reason(folder, FileLimits(file_bytes=1000))
    assert asked == [1001]


def test_a_large_file_is_refused_before_it_is_read(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "hw", {"f": b""})
    os.truncate(folder / "f", 10**12)

    class Unread(io.BufferedReader):
        read = None

    monkeypatch.setattr(os, "fdopen", lambda fd, mode: Unread(io.FileIO(fd)))
    assert "'f' has more than 20000000 bytes" in reason(folder)


def test_a_large_notebook_is_refused_with_what_to_do(tmp_path):
    folder = write_folder(tmp_path / "hw", {"hw.ipynb": b""})
    os.truncate(folder / "hw.ipynb", 10**9)
    assert "bytes: clear its outputs and hand it in again" in reason(folder)


@pytest.mark.parametrize("name", ["f", "d", "hw"])
def test_what_cannot_be_read_has_a_reason(tmp_path, monkeypatch, name):
    folder = write_folder(tmp_path / "hw", {"f": b"", "d/e": b""})

    def forbidden():
        raise PermissionError(13, "Permission denied")

    left = swapped(monkeypatch, name, [forbidden])
    assert f"'{name}' cannot be read (Permission denied)" in reason(folder)
    assert not left


def test_what_is_not_there_has_a_reason(tmp_path):
    with pytest.raises(SubmissionRefused, match="No such file"):
        read_folder(tmp_path / "hw")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "hw").touch()
    with pytest.raises(SubmissionRefused, match="Not a directory"):
        read_folder(tmp_path / "hw")


# Names

BAD_NAMES = {
    "bell\a": "control characters",
    "line\nbreak": "control characters",
    "escape\x1b[2J": "control characters",
    "delete\x7f": "control characters",
    "fdp\u202egpj.py": "control characters",
    "separator\u2028": "control characters",
    "back\\slash": "backslash",
    "..\\up": "backslash",
    "C:x": "absolute",
    "n" * 201: "name of more than 200 bytes",
    "é" * 101: "name of more than 200 bytes",
}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_name_is_refused_in_folders_and_archives(tmp_path, name):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / name).touch()
    for path in (tmp_path / "hw", write_zip(tmp_path / "hw.zip", {name: b""})):
        said = reason(path)
        assert BAD_NAMES[name] in said
        assert len(said.partition(" has ")[0].partition(" is ")[0]) <= 80


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "\udcff").touch()
    assert r"'\udcff' is not UTF-8" in reason(tmp_path / "hw")
    assert "damaged" in reason(RawZip().add(b"\xff").write(tmp_path / "hw.zip"))


def test_a_zips_name_does_not_end_where_zipfile_cuts_it(tmp_path):
    assert "control" in reason(RawZip().add(b"a.py\0.txt").write(tmp_path / "hw.zip"))


@pytest.mark.parametrize("name", ["../up", "a/../../up", "a/..", "/etc/passwd", "//x/y", "c:/x"])
def test_names_that_leave_their_folder_are_refused(archive, name):
    said = reason(archive({"ok": b"", name: b""}))
    assert repr(name) in said
    assert "leads out" in said or "absolute" in said


def test_a_leftovers_name_must_not_leave_its_folder_either(archive):
    assert "leads out" in reason(archive({"__MACOSX/../../x": b"", "a": b""}))


def test_a_folders_name_must_not_leave_it_either(archive):
    assert "leads out" in reason(archive({"../x/": b"", "a": b""}))


def test_a_file_needs_a_name(archive):
    assert "has no name" in reason(archive({".": b"", "a": b""}))


def test_a_long_name_is_shortened_in_the_reason(archive):
    said = reason(archive({"\a" * 150: b""}))
    assert said.startswith(r"'\x07\x07")
    assert said.index("...'") + 4 == 80
    assert "path of more than" in reason(archive({"a/" * 2100 + "b": b""}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.txt", "A.TXT"),
        ("Straße", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("d/a", "D/A"),
        ("a", "a/b"),
        ("A/b", "a"),
        ("x/y/z", "X/Y"),
        ("a", "./a"),
        ("a", "b/a/../../a"),
    ],
)
def test_names_that_differ_only_in_case_or_normalisation_are_refused(archive, one, other):
    for first, second in ((one, other), (other, one)):
        said = reason(archive({"ok": b"", first: b"1", second: b"2"}))
        assert "is there twice" in said or ".." in other


def test_the_same_name_twice_is_refused(tmp_path):
    raw = RawZip().add(b"a", b"1").add(b"a", b"2")
    assert "'a' is there twice" in reason(raw.write(tmp_path / "hw.zip"))


def test_a_file_and_an_empty_folder_of_the_same_name_are_refused(tmp_path):
    for names in ((b"a", b"A/"), (b"A/", b"a")):
        raw = RawZip()
        for name in names:
            raw.add(name, b"")
        assert "is there twice" in reason(raw.write(tmp_path / "hw.zip"))


def test_a_folder_may_be_listed_twice_and_after_what_is_in_it(tmp_path):
    raw = RawZip()
    for name in (b"a/", b"a/b", b"a/", b"./"):
        raw.add(name, b"")
    assert read(raw.write(tmp_path / "hw.zip")) == {"b": b""}


# Zips that lie


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_a_link_or_device_in_a_zip_is_refused(tmp_path, kind):
    path = RawZip().add(b"a", b"/etc/passwd", mode=kind | 0o777).write(tmp_path / "hw.zip")
    assert ("symbolic link" if kind == stat.S_IFLNK else "device") in reason(path)


def test_a_file_with_an_ordinary_mode_in_a_zip_is_taken(tmp_path):
    raw = RawZip().add(b"a", mode=stat.S_IFREG | 0o644).add(b"d", b"", mode=stat.S_IFDIR | 0o755)
    assert read(raw.write(tmp_path / "hw.zip")) == {"a": b"x"}


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_zip_is_refused(tmp_path, flag):
    path = RawZip().add(b"a", flags=0x800 | flag).write(tmp_path / "hw.zip")
    assert "is encrypted" in reason(path)


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_in_a_way_that_cannot_be_bounded_is_refused(tmp_path, packed):
    assert "unusual way" in reason(write_zip(tmp_path / "hw.zip", FILES, packed))


@pytest.mark.parametrize("lie", [0, 99, 101, 10**6, 20_000_000])
def test_a_lie_about_a_size_is_refused(tmp_path, lie):
    """Also where the checksum is that of as many bytes as are declared."""
    content = bytes(range(100))
    for crc, words in ((None, "another size"), (zlib.crc32(content[:lie]), "Bad CRC|another size")):
        path = RawZip().add(b"a", content, size=lie, crc=crc).write(tmp_path / "hw.zip")
        assert re.search(words, reason(path, FileLimits(ratio=10**9)))


def test_a_wrong_checksum_is_refused(tmp_path):
    assert "damaged (Bad CRC" in reason(RawZip().add(b"a", crc=1).write(tmp_path / "hw.zip"))


def peak(function):
    """The most memory that Python had at once while a function ran."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ZEROS = 100 * MEGABYTE


@pytest.fixture(scope="module")
def zeros():
    """100 MB of nothing, deflated."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = [deflate.compress(bytes(MEGABYTE)) for _ in range(ZEROS // MEGABYTE)]
    return b"".join([*packed, deflate.flush()])


def test_a_zip_bomb_is_refused_by_what_it_says(tmp_path, zeros):
    path = RawZip().add(b"a", b"", size=ZEROS, packed=zeros).write(tmp_path / "hw.zip")
    assert "'a' has more than 20000000 bytes" in reason(path)
    everything = FileLimits(file_bytes=10**12, total_bytes=10**12)
    assert "more than 200 times" in reason(path, everything)
    assert peak(lambda: reason(path, everything)) < 2 * MEGABYTE


@pytest.mark.parametrize("claim", [0, 1000, 999_999])
def test_a_zip_bomb_that_says_it_is_small_is_not_unpacked(tmp_path, zeros, claim):
    crc = zlib.crc32(bytes(claim))
    path = RawZip().add(b"a", size=claim, crc=crc, packed=zeros).write(tmp_path / "hw.zip")
    assert "another size" in reason(path)
    assert peak(lambda: reason(path)) < 4 * MEGABYTE


def test_a_ratio_counts_only_above_a_megabyte(tmp_path):
    assert len(read(write_zip(tmp_path / "a.zip", {"a": bytes(1_000_000)}))["a"]) == 1_000_000
    assert "200 times" in reason(write_zip(tmp_path / "b.zip", {"a": bytes(1_000_001)}))
    assert read(tmp_path / "b.zip", FileLimits(ratio=2000))


def test_entries_that_share_one_content_are_refused(tmp_path):
    raw = RawZip()
    place = raw.content(b"a", random.Random(0).randbytes(5000))
    for name in (b"a", b"b", b"c"):
        raw.list(name, **place)
    assert "entries are larger than the archive" in reason(raw.write(tmp_path / "hw.zip"))


def test_entries_that_quote_each_others_headers_are_refused(tmp_path):
    """As in Fifield's better zip bomb: the first holds the second, header and all."""
    raw, inner = RawZip(), RawZip()
    inside = inner.content(b"b", b"kernel " * 9)
    quoted = struct.pack("<BHH", 0, len(inner.body), len(inner.body) ^ 0xFFFF) + inner.body
    packed = quoted + b"\1\0\0\xff\xff"
    first = raw.content(b"a", inner.body, packed=packed)
    raw.body += bytes(1000)  # so that the sum of both is not more than the whole
    raw.list(b"a", **first)
    raw.list(b"b", **inside | {"offset": len(raw.body) - 1000 - len(packed) + 5})
    path = raw.write(tmp_path / "hw.zip")
    with zipfile.ZipFile(path) as bomb:
        if sys.version_info < (3, 11, 8):  # later ones look for this, too
            assert bomb.read("a") == inner.body
        assert bomb.read("b") == b"kernel " * 9
    assert "'b' overlaps another entry" in reason(path)


def test_an_entry_that_is_not_where_the_directory_says_is_refused(tmp_path):
    raw = RawZip()
    place = raw.content(b"a", b"x")
    raw.list(b"a", **place | {"offset": 5})
    assert "is not where" in reason(raw.write(tmp_path / "hw.zip"))


def test_an_entry_that_goes_on_after_the_end_is_refused(tmp_path):
    raw = RawZip()
    raw.body = bytes(2000)
    place = raw.content(b"a", b"x" * 50, packed=b"")
    raw.list(b"a", **place | {"packed": 1000})
    assert "stops early" in reason(raw.write(tmp_path / "hw.zip"))


# Damage


def test_a_zip_that_is_cut_off_anywhere_is_refused(tmp_path):
    whole = write_zip(tmp_path / "hw.zip", FILES).read_bytes()
    for size in {*range(0, len(whole), len(whole) // 40), len(whole) - 1}:
        (tmp_path / "cut.zip").write_bytes(whole[:size])
        assert "damaged" in reason(tmp_path / "cut.zip")


def test_a_damaged_zip_is_read_or_refused_and_never_an_error(tmp_path):
    whole = write_zip(tmp_path / "hw.zip", FILES).read_bytes()
    rng, path, taken = random.Random(".zip"), tmp_path / "damaged.zip", 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 3, 30])):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with suppress(SubmissionRefused):
            read(path)
            taken += 1
    assert taken < 75


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"text " * 1000, b"\x1f\x8b"])
def test_something_else_with_a_zips_name_is_refused(tmp_path, content):
    (tmp_path / "hw.zip").write_bytes(content)
    assert "damaged" in reason(tmp_path / "hw.zip")
