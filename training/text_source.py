"""The text that the Transformers learn from: a megabyte of Shakespeare, in the public domain.

It is not part of the repository, and is looked for in this order: the argument ``--text``, the
environment variable ``TINYSHAKESPEARE``, a cached copy, the network. Its SHA-256 must be the one
below.
"""

import hashlib
import os
import urllib.request
from pathlib import Path

from training import paths

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
CACHE = paths.WORK / "tinyshakespeare.txt"
TRAIN_SHARE = 0.9


def find(path: str | Path | None = None) -> Path | None:
    """Return where the text already is on this machine, or None."""
    if named := path or os.environ.get("TINYSHAKESPEARE"):
        return Path(named)
    return CACHE if CACHE.exists() else None


def load(path: str | Path | None = None) -> str:
    """Return the whole text.

    Raises:
        SystemExit: it cannot be read, or is another text; the message is one line.
    """
    place = find(path) or _download()
    try:
        raw = place.read_bytes()
    except OSError as error:
        raise SystemExit(f"cannot read the training text {place}: {error.strerror}") from None
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise SystemExit(
            f"{place} is not the expected text (SHA-256 differs); get it from {URL} "
            "and pass its path with --text"
        )
    return raw.decode("utf-8")


def split(text: str) -> tuple[str, str]:
    """Return the first 90 % of the characters to train on and the last 10 % to measure on."""
    n = int(len(text) * TRAIN_SHARE)
    return text[:n], text[n:]


def _download() -> Path:
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    part = CACHE.with_suffix(".part")
    try:
        urllib.request.urlretrieve(URL, part)
    except OSError as error:
        raise SystemExit(
            f"cannot download the training text ({error}): "
            f"get {URL} yourself and pass its path with --text"
        ) from None
    return part.rename(CACHE)
