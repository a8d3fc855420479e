"""Grading as a function: the bytes of a bundle in, the bytes of a result out.

A bundle holds all that decides a result: the submission, the assignment, the policy and what the
environment is. Whose submission it is is not in there, but for what hidden inputs are drawn with;
equal bundles have equal keys and equal results, on whatever machine.

This module does not know where bundles come from, nor what becomes of results.
"""

import base64
import hashlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import IgnorePattern, LimitOutput
from traitlets.config import Config

import autograder
import minikernel
import mistakes
import seqlab
from autograder import status
from autograder.execution.pool import shared_pool
from autograder.submission import repair, sanitize

VERSION = 1  # of the format of bundles and results
LIBRARIES = (
    "numpy",
    "ipython",
    "matplotlib",
    "seaborn",
    "tiktoken",
    "h5py",
    "nbformat",
    "nbgrader",
)


@dataclass(frozen=True)
class Assignment:
    """What all submissions of an assignment have in common.

    Attributes:
        notebook: the name of its notebook, without ending
        template: the student version, as JSON
        cells: what nbgrader's gradebook has of each cell: name, cell_type, source, locked, checksum
        files: what lies beside the master and goes to every student
    """

    notebook: str
    template: str
    cells: tuple[Mapping[str, Any], ...]
    files: Mapping[str, bytes]


def pack(
    assignment: Assignment,
    submitted: Mapping[str, bytes],
    policy: Mapping[str, Any],
    preprocessors: Mapping[str, Any],
    draws: bytes = b"",
) -> bytes:
    """Return the bundle of a submission.

    Args:
        assignment: what it is a submission of
        submitted: the submission's files
        policy: see autograder.policy
        preprocessors: nbgrader's settings of IgnorePattern and LimitOutput
        draws: what tests draw their hidden inputs with (see course.run.secret)
    """
    everything = {
        "version": VERSION,
        "grader": fingerprint(),
        "environment": environment(),
        "notebook": assignment.notebook,
        "template": assignment.template,
        "cells": [dict(cell) for cell in assignment.cells],
        "provided": _text(assignment.files),
        "submitted": _text(submitted),
        "policy": dict(policy),
        "preprocessors": {name: dict(part) for name, part in preprocessors.items()},
        "draws": draws.hex(),
    }
    return json.dumps(everything, sort_keys=True).encode()


def key(bundle: bytes) -> str:
    """Return the name under which a bundle's result is kept."""
    return hashlib.sha256(bundle).hexdigest()


def grade(bundle: bytes, data: Path | None = None) -> bytes:
    """Return the result of a bundle: a status, reasons, and the notebook with its outputs.

    Raises:
        SandboxError, ForkServerError: this machine cannot grade; that is no result.
    """
    given = json.loads(bundle)
    started = time.perf_counter()
    try:
        notebook, template, files, found = prepared(given)
    except repair.Unreadable as error:
        return _result(given, "unreadable", [str(error)], None, {}, started)
    at_work, draws = shared_pool(given["policy"], data), bytes.fromhex(given["draws"])
    report = at_work.grade(notebook, files, template, draws)
    config = Config(given["preprocessors"])
    for preprocessor in (IgnorePattern(config=config), LimitOutput(config=config)):
        if preprocessor.enabled:
            notebook, _ = preprocessor.preprocess(notebook, {})
    words = report.statuses | ({"repaired"} if found else set())
    reasons = [*found, *report.reasons]
    return _result(given, status.gravest(words), reasons, notebook, report.seconds, started)


def prepared(
    given: dict[str, Any],
) -> tuple[NotebookNode, NotebookNode, dict[str, bytes], list[str]]:
    """Return what is graded: the notebook, the release, the files beside it, what was mended.

    Raises:
        Unreadable: there is no notebook in it.
    """
    notebook, found = _mended(given)
    template = nbformat.reads(given["template"], as_version=4)
    sanitize.harmless(notebook, {cell.id for cell in template.cells})
    restore(notebook, {cell["name"]: cell for cell in given["cells"]})
    files = _bytes(given["submitted"]) | _bytes(given["provided"])
    files = {name: part for name, part in files.items() if not name.endswith(".ipynb")}
    return notebook, template, files, found


def read_result(raw: bytes) -> dict[str, Any]:
    """Return what a result says.

    Raises:
        ValueError: it was cut short or damaged.
    """
    head, _, body = raw.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != head:
        raise ValueError("a result that was cut short")
    result: dict[str, Any] = json.loads(body)
    return result


def parts(given: Mapping[str, Any]) -> dict[str, str]:
    """Return a short hash of each part of a bundle, to tell later which of them has changed."""
    groups = {
        "submitted": ("submitted",),
        "assignment": ("template", "cells", "provided"),
        "policy": ("policy", "preprocessors"),
        "grader": ("grader",),
        "environment": ("environment",),
        "draws": ("draws",),
    }
    return {
        name: hashlib.sha256(
            json.dumps([given[key] for key in keys], sort_keys=True).encode()
        ).hexdigest()[:12]
        for name, keys in groups.items()
    }


def restore(notebook: NotebookNode, cells: Mapping[str, Mapping[str, Any]]) -> None:
    """Give every cell that nbgrader knows what the gradebook has of it, as OverwriteCells does."""
    for cell in notebook.cells:
        known = cells.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        if known is None:
            continue
        cell.metadata.nbgrader["checksum"] = known["checksum"]
        if known["locked"]:
            cell.source = known["source"]


def _mended(given: dict[str, Any]) -> tuple[NotebookNode, list[str]]:
    """Return the submission's notebook in the assignment's shape, and what had to be mended."""
    template = nbformat.reads(given["template"], as_version=4)
    expected = f"{given['notebook']}.ipynb"
    repaired = repair.repair_submission(_bytes(given["submitted"]), expected, template)
    return repaired.notebook, list(repaired.reasons)


def _result(
    given: dict[str, Any],
    word: str,
    reasons: list[str],
    notebook: NotebookNode | None,
    seconds: Mapping[str, float],
    started: float,
) -> bytes:
    if notebook is not None:
        status.mark(notebook, status.Status(word, tuple(reasons)))
    body = json.dumps(
        {
            "version": given["version"],
            "parts": parts(given),
            "status": word,
            "reasons": reasons,
            "notebook": notebook and nbformat.writes(notebook, version=nbformat.NO_CONVERT),
            "seconds": dict(seconds),
            "total": round(time.perf_counter() - started, 3),
        }
    ).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


@cache
def fingerprint() -> str:
    """Return a hash of the code that grades, of what students import, and of the catalogue."""
    digest = hashlib.sha256()
    for package in (minikernel, seqlab, autograder):
        for path in sorted(Path(package.__file__ or "").parent.glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    for path in sorted(Path(mistakes.__file__ or "").parent.rglob("*.py")):  # they make diagnoses
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def environment() -> dict[str, str]:
    """Return the versions that can change a result."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        found[name] = importlib.metadata.version(name)
    return found


def _text(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def _bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    return {name: base64.b64decode(content) for name, content in files.items()}
