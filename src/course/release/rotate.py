"""A fresh course for another term: other hidden inputs, and other models from a text of your own.

The new folder of problem 1 is made beside the old one and takes its place when it is whole; where
a check, a master or a release fails afterwards, the old one comes back. This module does not know
how a model is trained, nor what a release is checked for.
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

from course.directory import POINTS, Course, CourseError
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
    strange = Counter(text) - Counter({symbol: len(text) for symbol in training.ALPHABET})
    if strange:
        text = training.preprocess("".join(s for s in text if s in training.ALPHABET))
        shown = " ".join(f"{symbol!r}" for symbol, _ in strange.most_common(10))
        print(f"left out {sum(strange.values()):,} symbols outside the alphabet: {shown}")
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
    """Return how long training will take here, measured on a pass over a part of the text."""
    found = 0.0
    vocabulary = sorted(set(train + test))
    for kind in KINDS:
        settings = characters.SETTINGS[kind]
        part = characters.encode(train[:TRIED], vocabulary)
        run = recurrent.Run(part, part[:500], len(vocabulary), settings)
        started = time.perf_counter()
        run.one_pass()
        found += (
            (time.perf_counter() - started) * len(train) / len(part) * (passes or settings.passes)
        )
    return found / 60


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
    data = course.data()
    new = data / f"{PROBLEM1}.new"
    new.mkdir(exist_ok=True)
    for name, text in (("mystery_train.txt", train), ("mystery_test.txt", test)):
        (new / name).write_text(text, encoding="utf-8")
    with _settings(characters, passes):
        for kind in KINDS:
            reached = characters.train(kind, train, test, new)
            print(f"{kind}: perplexity {reached:.2f} on the unseen pages")
    with _in_place(data, new):
        _check(course)
    secret.from_seed(course.root, seed)


def _check(course: Course) -> None:
    """Verify the data, execute the masters, and rebuild both releases.

    Raises:
        CourseError: one of these failed.
    """
    with _data(course):
        said: list[str] = []
        if not verify.verify(said.append):
            wrong = next(line for line in said if line.startswith("WRONG"))
            raise CourseError(f"the new data is not as it should be: {wrong}")
        for assignment in POINTS:
            solutions.solve(course, assignment)
            generate.release(course, assignment)


@contextlib.contextmanager
def _in_place(data: Path, new: Path) -> Iterator[None]:
    """Let the new folder take the place of the old one; bring that back where anything fails."""
    now, old = data / PROBLEM1, data / f"{PROBLEM1}.old"
    sums = (data / data_files.SUMS).read_bytes() if (data / data_files.SUMS).is_file() else None
    shutil.rmtree(old, ignore_errors=True)
    now.rename(old)
    new.rename(now)
    try:
        kept = old.with_name(f".{old.name}")  # hidden, so that it is not listed
        old.rename(kept)
        data_files.sha256.cache_clear()  # the names are the same, the files are not
        verify.write_sums(data)
        yield
    except BaseException:
        now.rename(new)
        kept.rename(now)
        if sums is not None:
            (data / data_files.SUMS).write_bytes(sums)
        raise
    shutil.rmtree(kept)


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
