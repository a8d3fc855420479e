"""A fresh course for another term: other hidden inputs, and other models from a text of your own.

The new folder of problem 1 is made beside the old one and replaces it once it is complete. Where a
check, a master or a release fails afterwards, or the process is killed, the old one comes back.
What was trained until then is kept, and the same command goes on from there.
"""

import contextlib
import dataclasses
import importlib
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from course.directory import Course, CourseError
from course.release import generate, solutions
from course.run import secret
from course.test_quality import mutation
from seqlab import data_files, verify

SHORTEST = 50_000  # characters of a text that two models can learn from
NEEDED = set("abcdefghijklmnopqrstuvwxyz ,.!?")  # symbols that the notebook's cells and tests type
TRIED = 40_000  # characters that the estimate is measured on
PROBLEM1, KINDS = "problem1_data", ("RNN", "GRU")
README = "README.md"
# Measured: seconds of a processor for an entry of the catalogue, and of all else in a release.
ENTRY_SECONDS, RELEASE_SECONDS = 0.65, 60.0
SETTLED = 20.0  # seconds after which the machine's pace is known
AMISS = 0.2  # share by which an estimate may be wrong before it is corrected


def texts(path: Path, training: Any) -> tuple[str, str]:
    """Return what to train on and what to test on, prepared as the course's own novel is.

    Args:
        path: a text file, UTF-8
        training: the module training.novel

    Raises:
        CourseError: it cannot be read, is too short, or lacks symbols.
    """
    try:
        raw = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read as UTF-8 text: {error}") from None
    text = training.preprocess(raw)
    foreign = Counter(symbol for symbol in text if symbol not in training.ALPHABET)
    if foreign:
        text = training.preprocess("".join(s for s in text if s in training.ALPHABET))
        shown = " ".join(f"{symbol!r}" for symbol, _ in foreign.most_common(10))
        print(f"left out {foreign.total():,} symbols outside the alphabet: {shown}")
    if len(text) < SHORTEST:
        raise CourseError(
            f"{path} has {len(text):,} usable characters, and models need {SHORTEST:,}: "
            "take a longer text"
        )
    train, test = training.split(text)
    if missing := sorted(NEEDED - set(train)):
        raise CourseError(f"{path} has none of the symbols {' '.join(missing)}: take another text")
    return train, test


@dataclasses.dataclass(frozen=True)
class Recipes:
    """The modules of ``training`` that a rotation needs."""

    characters: Any
    novel: Any
    paths: Any
    readme: Any
    record: Any
    recurrent: Any
    stopping: Any


@dataclasses.dataclass
class Estimate:
    """How long a rotation still takes, corrected as it runs.

    What a stage takes is counted in seconds of a processor, which other work on the machine does
    not change. How much longer it takes by the clock is seen once it runs.

    Attributes:
        passes: still to make, by model
        seconds: of a processor for each pass, by model
        checks: seconds for checks and releases
        say: is told of corrections
        clock, processor: tell the time, and how long this process has had a processor

    Example:
        >>> Estimate({"RNN": 150, "GRU": 90}, {"RNN": 2.0, "GRU": 14.0}, 300.0).text()
        '31 minutes (RNN 5, GRU 21, checks and releases 5)'
    """

    passes: dict[str, int]
    seconds: dict[str, float]
    checks: float
    say: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic
    processor: Callable[[], float] = time.process_time

    def __post_init__(self) -> None:
        self._begun = self.clock(), self.processor()
        self._last = self.processor()
        self._end = self.clock() + self.left()

    def text(self) -> str:
        """Return the estimate in words."""
        stages = [f"{kind} {self._of(kind) / 60:.0f}" for kind in self.passes]
        stages.append(f"checks and releases {self.checks / 60:.0f}")
        return f"{self.left() / 60:.0f} minutes ({', '.join(stages)})"

    def left(self, pace: float = 1.0) -> float:
        """Return the seconds that are left, at so many seconds of the clock for one of work."""
        return pace * (sum(self._of(kind) for kind in self.passes) + self.checks)

    def _of(self, kind: str) -> float:
        return self.passes[kind] * self.seconds[kind]

    def after_pass(self, kind: str) -> None:
        """Take what a pass took into account, and say so if the estimate was wrong."""
        took, self._last = self.processor() - self._last, self.processor()
        self.passes[kind] = max(self.passes[kind] - 1, 0)
        self.seconds[kind] += 0.1 * (took - self.seconds[kind])
        since, worked = self.clock() - self._begun[0], self.processor() - self._begun[1]
        left = self.left(since / worked if worked > 0 else 1.0)
        expected = self._end - self.clock()
        amiss = abs(left - expected) > max(AMISS * max(left, expected), 60)
        if amiss and since > SETTLED:
            self._end = self.clock() + left
            self.say(f"about {left / 60:.0f} minutes are left now, not {max(expected, 0) / 60:.0f}")


def estimate(course: Course, recipes: Recipes, train: str, test: str) -> Estimate:
    """Return how long a rotation takes, less what an interrupted one has done already."""
    characters = recipes.characters
    settings = {kind: characters.SETTINGS[kind] for kind in KINDS}
    passes = {
        kind: settings[kind].passes - characters.passes_done(kind, train, test) for kind in KINDS
    }
    seconds = {
        kind: _seconds_of_a_pass(recipes, kind, train, test) if passes[kind] else 0.0
        for kind in KINDS
    }
    return Estimate(passes, seconds, _seconds_of_checks(course), _above_bars)


def _seconds_of_a_pass(recipes: Recipes, kind: str, train: str, test: str) -> float:
    """Measure a pass over a part of the text, after one that warms up."""
    vocabulary = sorted(set(train + test))
    part = recipes.characters.encode(train[:TRIED], vocabulary)
    settings = recipes.characters.SETTINGS[kind]
    run = recipes.recurrent.Run(part, part[:500], len(vocabulary), settings)
    run.one_pass()
    started = time.process_time()
    run.one_pass()
    return (time.process_time() - started) / len(part) * len(train)


def _seconds_of_checks(course: Course) -> float:
    """Return what masters, gates and the catalogues' matrices take, as it was measured."""
    names = course.assignments()
    entries = sum(len(mutation.variants(course.catalogue(name))) for name in names)
    return entries * ENTRY_SECONDS / (os.cpu_count() or 1) + RELEASE_SECONDS * len(names)


def _above_bars(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line)


def rotate(course: Course, seed: int, corpus: Path | None, passes: int | None = None) -> None:
    """Make a fresh course.

    Args:
        course: the course, changed in place
        seed: of the hidden inputs
        corpus: a text to train the RNN and the GRU on; None keeps them
        passes: over the text, to try things out; None for as many as the recipes have

    Raises:
        CourseError: something is wrong; models and releases are what they were.
        SystemExit: it was interrupted, and goes on where it was when it is started again.
    """
    if corpus is None:
        secret.from_seed(course.root, seed)
        return
    recipes = _recipes(course.root)
    with recipes.stopping.stoppable(), _settings(recipes.characters, passes):
        _rotate(course, seed, corpus, recipes)


def _rotate(course: Course, seed: int, corpus: Path, recipes: Recipes) -> None:
    train, test = texts(corpus, recipes.novel)
    swap = _Swap(course.data())
    swap.undo()  # what a killed process has left half done
    swap.new.mkdir(exist_ok=True)
    for name, text in (("mystery_train.txt", train), ("mystery_test.txt", test)):
        (swap.new / name).write_text(text, encoding="utf-8", newline="")
    trained = _trained(course, recipes, train, test, swap.new)
    with swap.tried():
        _check(course)
        _describe(recipes, swap.data, corpus.name, trained, recipes.novel.measure(train, test))
    for kind in KINDS:  # only now: until here the same command would have gone on from them
        recipes.paths.forget(kind)
    secret.from_seed(course.root, seed)


def _trained(
    course: Course, recipes: Recipes, train: str, test: str, out: Path
) -> dict[str, dict[str, Any]]:
    """Train both models, and return what is recorded of each."""
    left = estimate(course, recipes, train, test)
    print(
        f"{len(train):,} characters to train on, {len(test):,} to test on. It will take about "
        f"{left.text()}, longer beside other work, and goes on where it was if it is interrupted"
    )
    trained = {}
    for kind in KINDS:
        run = recipes.characters.train(kind, train, test, out, lambda k=kind: left.after_pass(k))
        print(f"{kind}: perplexity {run.perplexity:.2f} on the unseen pages")
        trained[kind] = {"machine": recipes.record.machine(), **vars(run)}
    return trained


def _describe(
    recipes: Recipes, data: Path, title: str, trained: dict[str, dict[str, Any]], measures: Any
) -> None:
    """Let the data's README, where there is one, say what is there now."""
    if (data / README).is_file():
        own = {**trained, "novel": vars(measures)}
        (data / README).write_text(recipes.readme.page(data, own, title), encoding="utf-8")


def _check(course: Course) -> None:
    """Verify the data, run every master, and rebuild every release.

    Raises:
        CourseError: one of these failed.
    """
    with _data(course):
        lines: list[str] = []
        if not verify.verify(lines.append):
            wrong = next(line for line in lines if line.startswith("WRONG"))
            raise CourseError(f"the new data is not as it should be: {wrong}")
        for assignment in course.assignments():
            solutions.solve(course, assignment)
            generate.release(course, assignment)


@dataclasses.dataclass(frozen=True)
class _Swap:
    """New models in the place of the old ones, until these are no longer needed.

    Every step is one renaming, and ``undo`` brings the old models back from wherever an exception,
    or a process that was killed, has left them.
    """

    data: Path

    @property
    def current(self) -> Path:
        return self.data / PROBLEM1

    @property
    def new(self) -> Path:
        return self.data / f"{PROBLEM1}.new"

    @property
    def old(self) -> Path:
        return self.data / f".{PROBLEM1}.old"  # hidden, so that SHA256SUMS does not list it

    @property
    def done(self) -> Path:
        return self.data / f".{PROBLEM1}.done"  # the old models, once they may go

    @property
    def pages(self) -> list[tuple[Path, Path]]:
        """What describes the data, and where it is kept meanwhile."""
        return [(self.data / n, self.data / f".{n}.old") for n in (data_files.SUMS, README)]

    @contextlib.contextmanager
    def tried(self) -> Iterator[None]:
        """Put the new models in place; take them away again where anything fails."""
        for page, kept in self.pages:
            if page.is_file():
                kept.write_bytes(page.read_bytes())
        try:
            self.current.rename(self.old)
            self.new.rename(self.current)
            verify.write_sums(self.data)
            yield
        except BaseException:
            self.undo()
            raise
        self.old.rename(self.done)
        self.clean()

    def undo(self) -> None:
        """Bring the old models back; the new ones are kept, to be tried again."""
        if self.old.exists():
            if self.current.exists():
                self.current.rename(self.new)
            for page, kept in self.pages:
                if kept.exists():
                    page.write_bytes(kept.read_bytes())
                else:
                    page.unlink(missing_ok=True)
            self.old.rename(self.current)  # the last step: until then there is something to undo
        self.clean()

    def clean(self) -> None:
        """Remove what is no longer needed."""
        for _, kept in self.pages:
            kept.unlink(missing_ok=True)
        shutil.rmtree(self.done, ignore_errors=True)


@contextlib.contextmanager
def _data(course: Course) -> Iterator[None]:
    """Let everything that is started here read this course's data."""
    before = os.environ.get("COURSE_DATA")
    os.environ["COURSE_DATA"] = str(course.data())
    try:
        yield
    finally:
        if before is None:
            del os.environ["COURSE_DATA"]
        else:
            os.environ["COURSE_DATA"] = before


@contextlib.contextmanager
def _settings(characters: Any, passes: int | None) -> Iterator[None]:
    """Let the recipes make fewer passes for a while."""
    kept = dict(characters.SETTINGS)
    if passes:
        for kind, settings in kept.items():
            characters.SETTINGS[kind] = dataclasses.replace(settings, passes=passes)
    try:
        yield
    finally:
        characters.SETTINGS.update(kept)


def _recipes(root: Path) -> Recipes:
    """Return the modules that train: they lie beside the course and need PyTorch."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    names = [field.name for field in dataclasses.fields(Recipes)]
    try:
        return Recipes(*(importlib.import_module(f"training.{name}") for name in names))
    except ImportError as error:
        raise CourseError(
            f"--corpus trains models, and {error.name or error} is missing: run it in the "
            "repository's folder, with PyTorch (pip install torch)"
        ) from None
