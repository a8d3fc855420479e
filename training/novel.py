"""Recipe: the novel of problem 1, from its chapters to one line of lower-case characters.

``python -m training.novel`` writes ``mystery_train.txt`` and ``mystery_test.txt``. The last pages
are the test: no model has seen how it ends.
"""

import argparse
import lzma
import re
from dataclasses import dataclass
from pathlib import Path

from training import paths, record, stopping

ALPHABET = "abcdefghijklmnopqrstuvwxyz !\"&'(),-./:;?[]^—"
N_TEST = 7200


def read(chapters: Path = paths.CHAPTERS) -> str:
    """Return the whole book as one line: lower case, single spaces, no digits."""
    parts = [path.read_text(encoding="utf-8") for path in sorted(chapters.glob("*.txt"))]
    text = preprocess(" ".join(parts))
    if strange := set(text) - set(ALPHABET):
        raise SystemExit(f"the chapters hold symbols outside the alphabet: {sorted(strange)}")
    return text


def preprocess(text: str) -> str:
    r"""Return a text in lower case, without digits, its lines joined by spaces.

    Example:
        >>> preprocess("Chapter 1\nIt was DARK.")
        'chapter it was dark.'
    """
    return " ".join(re.sub(r"\d", "", text.lower()).split())


def split(text: str, n_test: int = N_TEST) -> tuple[str, str]:
    """Return the text to train on and about the last ``n_test`` characters, cut at a sentence."""
    starts = [match.end() for match in re.finditer(r"[.!?]\"? ", text[:-n_test])]
    cut = starts[-1] if starts else len(text) - n_test
    return text[:cut], text[cut:]


@dataclass(frozen=True)
class Measures:
    """What is recorded of a text."""

    n_train: int
    n_test: int
    n_symbols: int
    longest_repeat: str
    xz_ratio: float


def measure(train: str, test: str) -> Measures:
    """Return lengths, alphabet, repetition and compression of the two parts of a text."""
    text = train + test
    repeated, ratio = longest_repeat(text), round(xz_ratio(text), 4)
    return Measures(len(train), len(test), len(set(text)), repeated, ratio)


def longest_repeat(text: str) -> str:
    """Return the longest passage that occurs twice, possibly overlapping itself.

    Where a passage of n characters occurs twice, one of n - 1 does: double n, then bisect.

    Example:
        >>> longest_repeat("to be or not to be")
        'to be'
    """
    low, high, best = 0, 1, ""
    while passage := _repeated(text, high):
        low, high, best = high, 2 * high, passage
    while high - low > 1:
        n = (low + high) // 2
        if passage := _repeated(text, n):
            low, best = n, passage
        else:
            high = n
    return best


def _repeated(text: str, n: int) -> str | None:
    seen: set[str] = set()
    for i in range(len(text) - n + 1):
        part = text[i : i + n]
        if part in seen:
            return part
        seen.add(part)
    return None


def xz_ratio(text: str) -> float:
    """Return the size under xz, at its best setting, as a share of the text's own in UTF-8."""
    raw = text.encode()
    return len(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)) / len(raw)


def main() -> None:
    """Write the two files and record lengths, alphabet, repetition and compression."""
    parser = argparse.ArgumentParser(description="Pre-process the novel of problem 1.")
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        metavar="TEXT",
        help="only record how well as much of other novels compresses; name the files by title",
    )
    others: list[Path] | None = parser.parse_args().compare
    text = read()
    if others:
        compare(text, others)
    else:
        make(text)


def compare(text: str, others: list[Path]) -> None:
    """Record how well other novels compress, cut to our novel's length and pre-processed alike."""
    ratios = {}
    for path in others:
        other = preprocess(path.read_text(encoding="utf-8"))[: len(text)]
        ratios[path.stem] = round(xz_ratio(other), 4)
        print(f"{ratios[path.stem]:.4f} {path.stem}, {len(other):,} characters")
    print(f"{xz_ratio(text):.4f} ours, {len(text):,} characters")
    record.write("other_novels", xz_ratio=ratios)


def make(text: str) -> None:
    """Split ``text``, write both parts, and record the figures for ``data/README.md``."""
    train, test = split(text)
    paths.PROBLEM1.mkdir(parents=True, exist_ok=True)
    (paths.PROBLEM1 / "mystery_train.txt").write_text(train, encoding="utf-8")
    (paths.PROBLEM1 / "mystery_test.txt").write_text(test, encoding="utf-8")
    record.write("novel", **vars(measure(train, test)))


if __name__ == "__main__":
    with stopping.stoppable():
        main()
