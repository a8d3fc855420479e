"""The course's secret, and the keys that tests draw a student's hidden inputs with.

A key is the same whenever it is asked for, so that a mark can be explained and given again. Without
the secret nobody can tell it.
"""

import hashlib
import hmac
import secrets
from pathlib import Path

from course.run.atomic import write_whole
from course.run.status_files import FOLDER

BYTES = 8  # of a key


def key(root: Path, assignment: str, student: str) -> bytes:
    """Return the key of a student's hidden inputs in an assignment."""
    message = f"{assignment}\0{student}".encode("utf-8", errors="surrogateescape")
    return hmac.digest(secret(root), message, "sha256")[:BYTES]


def secret(root: Path) -> bytes:
    """Return the course's secret, which is made when it is first needed."""
    path = root / FOLDER / "secret"
    if not path.is_file():
        _write(path, secrets.token_hex(32))
    return path.read_bytes()


def from_seed(root: Path, seed: int) -> None:
    """Replace the secret by one that a seed gives: everybody has other hidden inputs from now on.

    A person who knows the seed can tell the inputs.
    """
    _write(root / FOLDER / "secret", hashlib.sha256(f"seed {seed}".encode()).hexdigest())


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())
    path.chmod(0o600)
