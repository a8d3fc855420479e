"""Recipe: the novel of problem 1, from its chapters to one line of lower-case characters.

``python -m training.novel`` writes ``mystery_train.txt`` and ``mystery_test.txt``. The last pages
are the test: no model has seen how it ends.

This module does not know who reads the text.
"""

import argparse
import lzma
import re
from pathlib import Path

from training import paths, record

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
    """Lower the case, drop digits, and join lines by spaces."""
    return " ".join(re.sub(r"\d", "", text.lower()).split())


def split(text: str, n_test: int = N_TEST) -> tuple[str, str]:
    """Return what to train on and the last ``n_test`` characters or so, from a sentence's start."""
    starts = [match.end() for match in re.finditer(r"[.!?]\"? ", text[:-n_test])]
    cut = starts[-1] if starts else len(text) - n_test
    return text[:cut], text[cut:]


def longest_repeat(text: str) -> str:
    """Return the longest passage that occurs twice, possibly overlapping itself."""
    low, high, best = 0, 1, ""
    while found := _repeated(text, high):  # a passage of n twice means one of n - 1 twice:
        low, high, best = high, 2 * high, found  # double n, then bisect on it
    while high - low > 1:
        n = (low + high) // 2
        if found := _repeated(text, n):
            low, best = n, found
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
    """Return the size under xz, at its hardest setting, as a share of the UTF-8 text."""
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
    """Record how well other novels compress, as much of each as ours has, pre-processed alike."""
    ratios = {}
    for path in others:
        beside = preprocess(path.read_text(encoding="utf-8"))[: len(text)]
        ratios[path.stem] = round(xz_ratio(beside), 4)
        print(f"{ratios[path.stem]:.4f} {path.stem}, {len(beside):,} characters")
    print(f"{xz_ratio(text):.4f} ours, {len(text):,} characters")
    record.write("other_novels", xz_ratio=ratios)


def make(text: str) -> None:
    """Split ``text``, write both parts, and record what the data's page says of them."""
    train, test = split(text)
    paths.PROBLEM1.mkdir(parents=True, exist_ok=True)
    (paths.PROBLEM1 / "mystery_train.txt").write_text(train, encoding="utf-8")
    (paths.PROBLEM1 / "mystery_test.txt").write_text(test, encoding="utf-8")
    record.write(
        "novel",
        n_train=len(train),
        n_test=len(test),
        n_symbols=len(set(text)),
        longest_repeat=longest_repeat(text),
        xz_ratio=round(xz_ratio(text), 4),
    )


if __name__ == "__main__":
    main()
