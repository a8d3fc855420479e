"""What became of a submission, as it comes back from wherever it was graded."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import nbformat
from nbformat import NotebookNode

from autograder import status
from autograder.checked_json import construct, typed, versioned
from autograder.status import Status

VERSION = 3  # of the format


@dataclass(frozen=True)
class Result:
    """What became of a submission.

    Attributes:
        word: its status, one of autograder.status.STATUSES
        reasons: what happened, a line each
        notebook: the graded notebook, as JSON; None if there is nothing to grade
        seconds: that each cell took
        total: seconds in all
        parts: hashes of the parts of its job
        followed: points that came by follow-through, by test (see autograder.cell_notes)
    """

    word: str
    reasons: tuple[str, ...] = ()
    notebook: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    total: float = 0.0
    parts: Mapping[str, str] = field(default_factory=dict)
    followed: Mapping[str, float] = field(default_factory=dict)

    def status(self, key: str = "") -> Status:
        """Return the status to keep of a result with this key."""
        return Status(
            self.word, self.reasons, key, self.total, dict(self.parts), dict(self.followed)
        )

    @cached_property
    def cells(self) -> list[NotebookNode]:
        """The cells of the graded notebook; none if there is no notebook."""
        return list(nbformat.reads(self.notebook, as_version=4).cells) if self.notebook else []

    def pack(self) -> bytes:
        """Return the result as bytes, behind a hash of them."""
        names = self.__dataclass_fields__
        values = {name: getattr(self, name) for name in names} | {"version": VERSION}
        body = json.dumps(values).encode()
        return hashlib.sha256(body).hexdigest().encode() + b"\n" + body

    @classmethod
    def read(cls, packed: bytes) -> "Result":
        """Return the result that ``pack`` gave these bytes of.

        Raises:
            ValueError: they were cut short or damaged, or are of another version.
        """
        head, _, body = packed.partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != head:
            raise ValueError("a result that was cut short")
        values = versioned(body, "result", VERSION)
        if values.get("word") not in status.STATUSES:
            raise ValueError(f"a result with the status {values.get('word')!r}")
        return construct(cls, {**values, "reasons": tuple(typed(values, "reasons", list))})
