"""Grading as a function: the bytes of a job in, the bytes of a result out.

A job holds all that decides a result: the submission, the assignment, the policy, and hashes of
code, catalogue, data and versions. Whose submission it is is not in there, apart from what hidden
inputs are drawn with. Equal jobs have equal keys and equal results, on whatever machine.

    packed = Job.of(release, {"intro.ipynb": raw}, Policy(), {}, data).pack()
    result = Result.read(grade(packed, data))

Every way to grade comes through here. This module does not know where jobs come from, nor what
becomes of results.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import broken_cells, fingerprint, output_settings, status
from autograder.checked_json import construct, to_bytes, to_text, typed, versioned
from autograder.execution import outputs
from autograder.execution.pool import KernelPool, shared_pool
from autograder.output_settings import Settings
from autograder.policy import Policy
from autograder.result import Result
from autograder.status import Status, Unreadable
from autograder.submission.other_assignments import Landmarks, mentioned
from autograder.submission.prepared import CellRecord, Prepared, RawSubmission

VERSION = 2  # of the format
MILD = ("graded", "repaired")


@dataclass(frozen=True)
class Release:
    """What all submissions of an assignment have in common.

    Attributes:
        notebook: the name of its notebook, without ending
        template: the student version, as JSON
        cells: what the gradebook has of the master's cells
        files: what lies beside the master and goes to every student
        settings: the text of assignment.toml
        catalogue: the text of mistakes.py, if the assignment has a catalogue of its own
        others: by which names the course's other assignments are known
    """

    notebook: str
    template: str
    cells: tuple[CellRecord, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    settings: str = ""
    catalogue: str = ""
    others: Mapping[str, Landmarks] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the release as JSON takes it."""
        cells = [asdict(cell) for cell in self.cells]
        return {**vars(self), "cells": cells, "files": to_text(self.files)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Release":
        """Return the release that ``to_json`` gave these values of.

        Raises:
            ValueError: they are of no release.
        """
        cells = tuple(construct(CellRecord, cell) for cell in typed(values, "cells", list))
        files = to_bytes(typed(values, "files", dict))
        typed(values, "others", dict)
        return construct(cls, {**values, "cells": cells, "files": files})


@dataclass(frozen=True)
class Job:
    """One submission to grade.

    Attributes:
        release: of the assignment
        submitted: the submission's files
        policy: limits and the like
        preprocessors: nbgrader's settings of IgnorePattern and LimitOutput
        draws: what tests draw their hidden inputs with (see course.run.secret)
        code, catalogue, data, environment: see autograder.fingerprint
    """

    release: Release
    submitted: Mapping[str, bytes]
    policy: Policy
    preprocessors: Settings
    draws: bytes
    code: str
    catalogue: str
    data: str
    environment: Mapping[str, str]

    @classmethod
    def of(
        cls,
        release: Release,
        submitted: Mapping[str, bytes],
        policy: Policy,
        preprocessors: Settings,
        data: Path,
        draws: bytes = b"",
    ) -> "Job":
        """Return a job for the code that is installed here, and the data in a folder."""
        others = mentioned(release.others, submitted, release.template)
        return cls(
            replace(release, others=others),
            submitted,
            policy,
            {name: dict(settings) for name, settings in preprocessors.items()},
            draws,
            fingerprint.code(),
            fingerprint.catalogue(release.notebook),
            fingerprint.data(data),
            fingerprint.environment(),
        )

    def pack(self) -> bytes:
        """Return the job as bytes; equal jobs give equal bytes."""
        return json.dumps(self._values, sort_keys=True).encode()

    @classmethod
    def read(cls, packed: bytes) -> "Job":
        """Return the job that ``pack`` gave these bytes of.

        Raises:
            ValueError: they are of no job, or of one of another version.
        """
        values = versioned(packed, "job", VERSION)
        return construct(
            cls,
            {
                **values,
                "release": Release.from_json(typed(values, "release", dict)),
                "submitted": to_bytes(typed(values, "submitted", dict)),
                "policy": Policy.from_json(typed(values, "policy", dict)),
                "draws": bytes.fromhex(typed(values, "draws", str)),
            },
        )

    @property
    def parts(self) -> dict[str, str]:
        """Return a short hash of each part, to tell later which of them has changed."""
        values, release = self._values, self.release.to_json()
        return {
            "submitted": _short(values["submitted"]),
            "assignment": _short([release[name] for name in ("template", "cells", "files")]),
            "others": _short(release["others"]),
            "settings": _short(release["settings"]),
            "catalogue": _short([release["catalogue"], self.catalogue]),
            "data": _short(self.data),
            "policy": policy_part(self.policy, self.preprocessors),
            "grader": _short(self.code),
            "environment": _short(values["environment"]),
            "draws": _short(values["draws"]),
        }

    @cached_property
    def _values(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "version": VERSION,
            "release": self.release.to_json(),
            "submitted": to_text(self.submitted),
            "policy": self.policy.to_json(),
            "draws": self.draws.hex(),
        }


def policy_part(policy: Policy, preprocessors: Settings) -> str:
    """Return the hash that a job's parts have of its policy."""
    return _short([policy.to_json(), preprocessors])


def _short(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def key(packed: bytes) -> str:
    """Return the name under which a job's result is kept."""
    return hashlib.sha256(packed).hexdigest()


def grade(packed: bytes, data: Path | None = None) -> bytes:
    """Return the result of a job.

    Args:
        packed: the job
        data: the folder that notebooks load data from; by default the one that seqlab finds

    Raises:
        SandboxError, ForkServerError, ProvidedCellError: it cannot be graded here; that says
            nothing about the submission.
    """
    started, job = time.perf_counter(), Job.read(packed)
    pool = shared_pool(job.policy, data)
    pool.begin()
    try:
        result = _graded(job, pool.prepare(raw(job)), pool)
    except Unreadable as error:
        result = Result("unreadable", (str(error),))
    total = round(time.perf_counter() - started, 3)
    return replace(result, total=total, parts=job.parts).pack()


def raw(job: Job) -> RawSubmission:
    """Return what a job's notebook is prepared from."""
    about = job.release
    return RawSubmission(
        about.notebook, about.template, about.cells, job.submitted, about.files, about.others
    )


def finished(notebook: NotebookNode, word: str, reasons: tuple[str, ...], **more: Any) -> Result:
    """Return the result of a graded notebook, which says itself what became of it."""
    status.mark(notebook, Status(word, reasons))
    return Result(word, reasons, nbformat.writes(notebook, version=nbformat.NO_CONVERT), **more)


def _graded(job: Job, work: Prepared, pool: KernelPool) -> Result:
    catalogue = job.release.catalogue
    report = pool.grade(work.notebook, work.files, work.template, job.draws, catalogue)
    notebook = output_settings.applied(work.notebook, job.preprocessors)
    words = report.statuses | ({"repaired"} if work.reasons else set())
    broken = broken_cells.reasons(work.notebook, work.files, work.python)
    happened = (*report.reasons, *broken)
    cells = [cell for cell in notebook.cells if cell.id in report.followed]
    followed = {cell.id: outputs.points_in(cell.outputs) for cell in cells}
    word = status.gravest(words)
    mended = (*work.reasons, *happened) if word in MILD else (*happened, *work.reasons)
    reasons = (*mended, *work.dropped)  # the first explains the word
    return finished(notebook, word, reasons, seconds=report.seconds, followed=followed)
