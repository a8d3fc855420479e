"""Another term gets other hidden inputs and, if wanted, other models; a failure changes nothing."""

import contextlib
import hashlib
import os
import shutil
import types
from pathlib import Path

import pytest

from course.directory import Course, CourseError
from course.release import rotate
from course.run import secret
from seqlab import data_files

novel = pytest.importorskip("training.novel")
ROOT = Course.find().root
SENTENCE = "the quick brown fox, lazy as any dog, jumps over? no! it sleeps; vexed. "


@pytest.fixture
def course(tmp_path):
    """A course with data of its own."""
    for name in ("source", "nbgrader_config.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "data" / "problem1_data", tmp_path / "data" / "problem1_data")
    shutil.copy(ROOT / "data" / "SHA256SUMS", tmp_path / "data")
    return Course(tmp_path)


@pytest.fixture(autouse=True)
def own_data(monkeypatch):
    """Let courses find their own data, not the tester's."""
    monkeypatch.delenv("COURSE_DATA", raising=False)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(SENTENCE.capitalize() * 1000 + "© 1925\n", encoding="utf-8")
    return path


@pytest.fixture
def quick(monkeypatch):
    """Recipes that copy the course's models, a second's work."""
    trained = []

    def train(kind, train_text, test_text, out):
        trained.append((kind, len(train_text), len(test_text)))
        for path in (ROOT / "data" / "problem1_data").glob(f"{kind}_model.*"):
            shutil.copy(path, out)
        return 5.0

    recipes = types.SimpleNamespace(SETTINGS={"RNN": 1, "GRU": 2}, train=train)
    monkeypatch.setattr(rotate, "_recipes", lambda root: (recipes, novel, None))
    monkeypatch.setattr(rotate, "minutes", lambda *_: 0.0)
    return trained


def contents(course):
    folder = course.root / "data"
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_seed_alone_changes_the_secret_and_nothing_else(course):
    before = contents(course)
    rotate.rotate(course, 2027, None)
    key = secret.key(course.root, "gpt2", "ann")
    assert contents(course) == before
    rotate.rotate(course, 2028, None)
    assert secret.key(course.root, "gpt2", "ann") != key


def test_a_text_is_prepared_as_the_novel_is(corpus, capsys):
    train, test = rotate.texts(corpus, novel)
    assert set(train + test) <= set(novel.ALPHABET)
    assert 7000 < len(test) < 7500
    assert train.startswith("the quick brown fox")
    assert "left out 1 symbols outside the alphabet: '©'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"too short", "has 9 usable characters, and models need 50,000"),
        (b"\xff\xfe" * 100, "cannot be read as UTF-8 text"),
        (b"only a few letters are in it. " * 3000, "has none of the symbols ! , ?"),
    ],
)
def test_a_text_that_will_not_do_is_refused_in_a_line(tmp_path, text, said):
    path = tmp_path / "bad.txt"
    path.write_bytes(text)
    with pytest.raises(CourseError, match=said.replace("?", r"\?")):
        rotate.texts(path, novel)


def test_new_models_take_the_place_of_the_old_and_are_listed(course, corpus, quick, monkeypatch):
    monkeypatch.setattr(rotate, "_check", lambda course: None)
    rotate.rotate(course, 3, corpus)
    data = course.root / "data"
    assert [kind for kind, *_ in quick] == ["RNN", "GRU"]
    assert (data / "problem1_data" / "mystery_train.txt").read_text().startswith("the quick")
    listed = (data / "SHA256SUMS").read_text()
    assert "problem1_data/GRU_model.h5" in listed
    assert ".old" not in listed
    assert sorted(p.name for p in data.iterdir()) == ["SHA256SUMS", "problem1_data"]


def test_where_a_check_fails_the_old_models_come_back(course, corpus, quick, monkeypatch):
    def fail(course):
        raise CourseError("a master failed")

    monkeypatch.setattr(rotate, "_check", fail)
    secret.from_seed(course.root, 1)
    before, key = contents(course), secret.key(course.root, "gpt2", "ann")
    with pytest.raises(CourseError, match="a master failed"):
        rotate.rotate(course, 3, corpus)
    after = contents(course)
    new = {path: raw for path, raw in after.items() if "problem1_data.new" in path}
    assert {path: raw for path, raw in after.items() if path not in new} == before
    assert new  # trained models are not thrown away
    assert secret.key(course.root, "gpt2", "ann") == key


def dies_at(step, course):
    """Rotate in a process that dies at one of its renamings or writings."""
    count = 0

    def counted(change):
        def until_death(*arguments, **keywords):
            nonlocal count
            count += 1
            if count == step:
                os._exit(9)
            return change(*arguments, **keywords)

        return until_death

    if (child := os.fork()) == 0:
        for name in ("rename", "write_bytes"):
            setattr(Path, name, counted(getattr(Path, name)))
        rotate.shutil.rmtree = counted(rotate.shutil.rmtree)
        status = 1
        try:
            with contextlib.suppress(CourseError):
                rotate.rotate(course, 3, course.root / "mine.txt")
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


def models(course):
    """Return the files of problem 1 and what the list of hashes says, which must agree."""
    data = course.root / "data"
    listed = data_files.read_sums(data)
    names = [name for name in listed if name.startswith("problem1_data/")]
    contents = {name: (data / name).read_bytes() for name in names}
    assert {n: hashlib.sha256(raw).hexdigest() for n, raw in contents.items()} == {
        name: listed[name] for name in names
    }
    return contents


@pytest.mark.parametrize("good", [True, False], ids=["good models", "bad models"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_killed_at_any_step_loses_no_models(
    course, corpus, quick, monkeypatch, good
):
    def check(course):
        if not good:
            raise CourseError("a master failed")

    def refuse(course):
        raise CourseError("a master failed")

    monkeypatch.setattr(rotate, "_check", check)
    kept, step = models(course), 0
    old = kept["problem1_data/mystery_train.txt"]
    while (step := step + 1) and dies_at(step, course):
        with monkeypatch.context() as patch:
            patch.setattr(rotate, "_check", refuse)
            with pytest.raises(CourseError):
                rotate.rotate(course, 3, corpus)  # goes back to what there was
        now = models(course)
        assert now == kept or (good and now["problem1_data/mystery_train.txt"] != old)
        hidden = {path.name for path in (course.root / "data").iterdir() if path.name[0] == "."}
        assert not hidden
        kept = now
    assert step > 5
    changed = kept["problem1_data/mystery_train.txt"] != old
    assert changed == good  # the last steps come after the new models have been accepted


def test_data_that_does_not_verify_is_an_error_in_a_line(course, monkeypatch):
    monkeypatch.setattr(rotate.verify, "verify", lambda say: say("WRONG   novel: empty") or False)
    with pytest.raises(CourseError, match="the new data is not as it should be: WRONG   novel"):
        rotate._check(course)


@pytest.mark.slow
def test_the_estimate_is_measured_on_the_real_recipes(corpus):
    characters, _, recurrent = rotate._recipes(ROOT)
    train, test = rotate.texts(corpus, novel)
    one, two = (rotate.minutes(train, test, characters, recurrent, n) for n in (1, 200))
    assert 0 < one < two
