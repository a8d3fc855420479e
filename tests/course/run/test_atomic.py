import pytest

from course.run import atomic


def filled(**files):
    return lambda folder: atomic.write_files(folder, {n: t.encode() for n, t in files.items()})


def contents(folder):
    return {p.name: p.read_text() for p in folder.iterdir()}


def test_a_folder_is_made_and_replaced(tmp_path):
    target = tmp_path / "new" / "graded"
    atomic.replace_folder(target, filled(a="1", b="2"))
    atomic.replace_folder(target, filled(a="3"))
    assert contents(target) == {"a": "3"}
    assert [p.name for p in target.parent.iterdir()] == ["graded"]


def test_the_old_folder_can_be_kept(tmp_path):
    target, aside = tmp_path / "graded", tmp_path / "aside"
    atomic.replace_folder(target, filled(a="1"))
    atomic.replace_folder(target, filled(a="2"), aside)
    assert (contents(target), contents(aside)) == ({"a": "2"}, {"a": "1"})


def test_what_cannot_be_filled_leaves_the_old_folder(tmp_path):
    target = tmp_path / "graded"
    atomic.replace_folder(target, filled(a="1"))

    def fail(folder):
        (folder / "a").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        atomic.replace_folder(target, fail)
    assert contents(target) == {"a": "1"}
    assert [p.name for p in tmp_path.iterdir()] == ["graded"]


def test_a_failure_between_the_renames_brings_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "graded"
    atomic.replace_folder(target, filled(a="1"))
    rename, calls = type(target).rename, []

    def failing(self, to):
        calls.append(to)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(type(target), "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        atomic.replace_folder(target, filled(a="2"))
    assert contents(target) == {"a": "1"}


def test_what_a_killed_process_left_is_brought_back_or_removed(tmp_path):
    target = tmp_path / "graded"
    filled(a="1")(tmp_path / ".graded.old")
    filled(a="half")(tmp_path / ".graded.new-xyz")

    def fail(_):
        assert contents(target) == {"a": "1"}
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        atomic.replace_folder(target, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["graded"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "file"
    atomic.write_whole(path, b"old")
    monkeypatch.setattr(atomic.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        atomic.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
