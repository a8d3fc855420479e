"""Another term gets other hidden inputs and, if wanted, other models; a failure changes nothing."""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from course.directory import Course, CourseError
from course.release import rotate
from course.run import secret
from seqlab import data_files
from training import paths, readme, record, stopping

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


@dataclasses.dataclass(frozen=True)
class Settings:
    passes: int = 4


@dataclasses.dataclass
class QuickRecipes:
    """Recipes that copy the course's models, a second's work; a checkpoint counts passes."""

    work: Path
    trained: list[tuple[str, int]] = dataclasses.field(default_factory=list)  # and passes made
    stop_at: tuple[str, int] = ("", 0)
    SETTINGS = {kind: Settings() for kind in rotate.KINDS}  # noqa: RUF012

    def checkpoint(self, kind, train_text, test_text):
        return paths.checkpoint(kind, train_text, test_text, vars(self.SETTINGS[kind]))

    def passes_done(self, kind, train_text, test_text):
        path = self.checkpoint(kind, train_text, test_text)
        return int(path.read_text()) if path.exists() else 0

    def train(self, kind, train_text, test_text, out, after_pass):
        before = self.passes_done(kind, train_text, test_text)
        for made in range(before, self.SETTINGS[kind].passes):
            if (kind, made) == self.stop_at:
                raise KeyboardInterrupt
            self.checkpoint(kind, train_text, test_text).write_text(str(made + 1))
            after_pass()
        self.trained.append((kind, self.SETTINGS[kind].passes - before))
        for path in (ROOT / "data" / "problem1_data").glob(f"{kind}_model.*"):
            shutil.copy(path, out)
        return types.SimpleNamespace(perplexity=5.0, seconds=9, settings={"passes": 4}, threads=1)


@pytest.fixture
def quick(monkeypatch, tmp_path):
    recipes = QuickRecipes(tmp_path / "work")
    monkeypatch.setattr(paths, "WORK", recipes.work)
    modules = paths, readme, record, None, stopping
    monkeypatch.setattr(rotate, "_recipes", lambda root: rotate.Recipes(recipes, novel, *modules))
    monkeypatch.setattr(rotate, "_seconds_of_a_pass", lambda *_: 15.0)
    return recipes


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
    assert quick.trained == [("RNN", 4), ("GRU", 4)]
    assert not list(quick.work.iterdir())
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


def test_a_rotation_that_was_stopped_goes_on_where_it_was(
    course, corpus, quick, monkeypatch, capsys
):
    monkeypatch.setattr(rotate, "_check", lambda course: None)
    quick.stop_at = ("GRU", 1)
    with pytest.raises(SystemExit) as stopped:
        rotate.rotate(course, 3, corpus)
    assert stopped.value.code == 130
    assert "interrupted: start it again" in capsys.readouterr().err
    quick.stop_at = ("", 0)
    rotate.rotate(course, 3, corpus)
    assert quick.trained == [("RNN", 4), ("RNN", 0), ("GRU", 3)]
    assert "(RNN 0, GRU 1, checks" in capsys.readouterr().out


def test_what_was_trained_is_kept_until_every_check_has_passed(course, corpus, quick, monkeypatch):
    def fail(course):
        raise CourseError("a master failed")

    with monkeypatch.context() as patch:
        patch.setattr(rotate, "_check", fail)
        with pytest.raises(CourseError):
            rotate.rotate(course, 3, corpus)
    monkeypatch.setattr(rotate, "_check", lambda course: None)
    rotate.rotate(course, 3, corpus)
    assert quick.trained == [("RNN", 4), ("GRU", 4), ("RNN", 0), ("GRU", 0)]


def test_another_text_of_the_same_length_is_trained_afresh(course, corpus, quick, monkeypatch):
    monkeypatch.setattr(rotate, "_check", lambda course: None)
    quick.stop_at = ("GRU", 2)
    with pytest.raises(SystemExit):
        rotate.rotate(course, 3, corpus)
    other = corpus.read_text("utf-8").replace("quick brown", "brown quick")
    corpus.write_text(other, encoding="utf-8")
    quick.stop_at = ("", 0)
    rotate.rotate(course, 3, corpus)
    assert quick.trained == [("RNN", 4), ("RNN", 4), ("GRU", 4)]


def test_so_is_the_same_text_by_another_recipe(course, corpus, quick, monkeypatch):
    monkeypatch.setattr(rotate, "_check", lambda course: None)
    quick.stop_at = ("GRU", 0)
    with pytest.raises(SystemExit):
        rotate.rotate(course, 3, corpus, passes=3)
    quick.stop_at = ("", 0)
    rotate.rotate(course, 3, corpus)
    assert quick.trained == [("RNN", 3), ("RNN", 4), ("GRU", 4)]


def test_the_page_about_the_data_tells_of_the_new_text(course, corpus, quick, monkeypatch):
    monkeypatch.setattr(rotate, "_check", lambda course: None)
    page = course.root / "data" / "README.md"
    shutil.copy(ROOT / "data" / "README.md", page)
    files = [course.root / "data" / name for name in data_files.read_sums(course.root / "data")]
    for path in files:  # the page lists sizes
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    rotate.rotate(course, 3, corpus)
    text = page.read_text("utf-8")
    assert "mine.txt, a text of this course's own" in text
    assert "Last Galley" not in text
    assert "| perplexity per character | 5.000 | 5.000 |" in text
    assert "| RNN | 9 s | 4 |" in text
    assert "318,802" not in text


def test_where_a_check_fails_the_page_is_what_it_was(course, corpus, quick, monkeypatch):
    def fail(course):
        (course.root / "data" / "README.md").write_text("half")
        raise CourseError("a master failed")

    page = course.root / "data" / "README.md"
    page.write_text("as it was")
    monkeypatch.setattr(rotate, "_check", fail)
    with pytest.raises(CourseError):
        rotate.rotate(course, 3, corpus)
    assert page.read_text() == "as it was"


class Machine:
    """A clock, and how long a process has had a processor: a share of the time."""

    def __init__(self, share):
        self.share, self.now, self.worked = share, 0.0, 0.0

    def work(self, seconds):
        self.now += seconds / self.share
        self.worked += seconds


def running(share, corrections):
    machine = Machine(share)
    left = rotate.Estimate(
        {"RNN": 150, "GRU": 90},
        {"RNN": 2.0, "GRU": 14.0},
        300.0,
        corrections.append,
        lambda: machine.now,
        lambda: machine.worked,
    )
    return machine, left


def test_an_estimate_that_holds_is_not_corrected():
    corrections = []
    machine, left = running(1.0, corrections)
    assert left.text() == "31 minutes (RNN 5, GRU 21, checks and releases 5)"
    for kind, seconds in [("RNN", 2.1)] * 150 + [("GRU", 13.5)] * 90:
        machine.work(seconds)
        left.after_pass(kind)
    assert corrections == []
    assert left.left() == pytest.approx(300)


def test_an_estimate_is_corrected_beside_other_work_and_where_passes_take_longer():
    corrections = []
    machine, left = running(0.25, corrections)
    for _ in range(150):
        machine.work(2.0)
        left.after_pass("RNN")
    assert corrections == ["about 124 minutes are left now, not 31"]
    for _ in range(45):
        machine.work(28.0)
        left.after_pass("GRU")
    assert len(corrections) > 1
    assert len(corrections) < 6


def test_ctrl_c_ends_every_recipe_in_the_same_way(capsys):
    with pytest.raises(SystemExit) as stopped, stopping.stoppable():
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert capsys.readouterr().err.count("interrupted: start it again") == 1
    for name in ("bard", "characters", "encoding", "make_all", "mini", "novel"):
        text = (ROOT / "training" / f"{name}.py").read_text("utf-8")
        assert '__main__":\n    with stopping.stoppable():' in text, name


@pytest.mark.slow
def test_ctrl_c_ends_a_real_recipe_with_a_line(tmp_path):
    pytest.importorskip("torch")
    for name in ("train", "test"):
        (tmp_path / name).write_text(SENTENCE * 3000)
    command = [sys.executable, "-m", "training.characters", "RNN", "--out", str(tmp_path)]
    command += ["--train", str(tmp_path / "train"), "--test", str(tmp_path / "test")]
    recipe = subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while "RNN:" not in (recipe.stderr.readline() if recipe.poll() is None else "RNN:"):
        pass
    recipe.send_signal(signal.SIGINT)
    _, printed = recipe.communicate(timeout=300)
    assert recipe.returncode == 130
    assert printed.rstrip().endswith(stopping.LINE)
    assert "Traceback" not in printed


@pytest.mark.slow
def test_the_estimate_is_measured_on_the_real_recipes(course, corpus, monkeypatch, tmp_path):
    pytest.importorskip("torch")
    recipes = rotate._recipes(ROOT)
    monkeypatch.setattr(paths, "WORK", tmp_path / "work")
    train, test = rotate.texts(corpus, novel)
    with rotate._settings(recipes.characters, 1):
        one = rotate.estimate(course, recipes, train, test)
    many = rotate.estimate(course, recipes, train, test)
    assert one.passes == {"RNN": 1, "GRU": 1}
    assert 0 < one.left() < many.left()
    assert one.checks == many.checks > 60
