"""A fresh course for another term: other hidden inputs, and other models from a text of your own.

The new folder of problem 1 is made beside the old one and replaces it once it is complete. Where a
check, a master or a release fails afterwards, or the process is killed, the old one comes back.
"""

import contextlib
import dataclasses
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course.directory import Course, CourseError
from course.release import generate, solutions
from course.run import secret
from seqlab import data_files, verify

SHORTEST = 50_000  # characters of a text that two models can learn from
NEEDED = set("abcdefghijklmnopqrstuvwxyz ,.!?")  # symbols that the notebook's cells and tests type
TRIED = 20_000  # characters that the estimate is measured on
PROBLEM1, KINDS = "problem1_data", ("RNN", "GRU")


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


def minutes(train: str, test: str, characters: Any, recurrent: Any, passes: int | None) -> float:
    """Estimate how long training takes here, from one pass over a part of the text."""
    seconds = 0.0
    vocabulary = sorted(set(train + test))
    for kind in KINDS:
        settings = characters.SETTINGS[kind]
        part = characters.encode(train[:TRIED], vocabulary)
        run = recurrent.Run(part, part[:500], len(vocabulary), settings)
        started = time.perf_counter()
        run.one_pass()
        per_symbol = (time.perf_counter() - started) / len(part)
        seconds += per_symbol * len(train) * (passes or settings.passes)
    return seconds / 60


def rotate(course: Course, seed: int, corpus: Path | None, passes: int | None = None) -> None:
    """Make a fresh course.

    Args:
        course: the course, changed in place
        seed: of the hidden inputs
        corpus: a text to train the RNN and the GRU on; None keeps them
        passes: over the text, to try things out; None for as many as the recipes have

    Raises:
        CourseError: something is wrong; models and releases are what they were.
    """
    if corpus is None:
        secret.from_seed(course.root, seed)
        return
    characters, novel, recurrent = _recipes(course.root)
    train, test = texts(corpus, novel)
    print(
        f"{len(train):,} characters to train on, {len(test):,} to test on; training will take "
        f"about {minutes(train, test, characters, recurrent, passes):.0f} minutes here, and goes "
        "on where it was if it is interrupted"
    )
    swap = _Swap(course.data())
    swap.undo()  # what a killed process has left half done
    swap.new.mkdir(exist_ok=True)
    for name, text in (("mystery_train.txt", train), ("mystery_test.txt", test)):
        (swap.new / name).write_text(text, encoding="utf-8")
    with _settings(characters, passes):
        for kind in KINDS:
            reached = characters.train(kind, train, test, swap.new)
            print(f"{kind}: perplexity {reached:.2f} on the unseen pages")
    with swap.tried():
        _check(course)
    secret.from_seed(course.root, seed)


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
    def sums(self) -> Path:
        return self.data / data_files.SUMS

    @property
    def old_sums(self) -> Path:
        return self.data / f".{data_files.SUMS}.old"

    @contextlib.contextmanager
    def tried(self) -> Iterator[None]:
        """Put the new models in place; take them away again where anything fails."""
        self.old_sums.write_bytes(self.sums.read_bytes() if self.sums.is_file() else b"")
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
            self.sums.write_bytes(self.old_sums.read_bytes())
            self.old.rename(self.current)  # the last step: until then there is something to undo
        self.clean()

    def clean(self) -> None:
        """Remove what is no longer needed."""
        self.old_sums.unlink(missing_ok=True)
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


def _recipes(root: Path) -> tuple[Any, Any, Any]:
    """Return the modules that train: they lie beside the course and need PyTorch."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        from training import characters, novel, recurrent
    except ImportError as error:
        raise CourseError(
            f"--corpus trains models, and {error.name or error} is missing: run it in the "
            "repository's folder, with PyTorch (pip install torch)"
        ) from None
    return characters, novel, recurrent
