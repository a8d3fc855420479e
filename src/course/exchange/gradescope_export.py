"""Gradescope's "Export Submissions": whose the submissions in that zip are, and when they came.

The zip holds a folder for each submission and ``submission_metadata.yml``, which says who handed in
what and when. Gradescope writes it with Ruby: names begin with a colon, and some values have Ruby's
tags. They are read as plain values; a tag constructs nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml

from autograder.submission.intake import FileLimits, SubmissionRefused, without_top_folder
from autograder.submission.zip_reader import ZipReader
from course.exchange.collect import IncomingSubmission
from course.exchange.roster import Roster

METADATA = "submission_metadata.yml"
METADATA_LIMITS = FileLimits(file_bytes=200_000_000, total_bytes=200_000_000, ratio=1000)
NUMBER = re.compile(r"\d+")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, if there is one


class PlainLoader(_Loader):  # type: ignore[misc]
    """Reads YAML as plain values: dictionaries, lists, text, numbers, times."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave ``<<`` a name like others: merging could make much out of little."""


def _plain_value(loader: Any, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


PlainLoader.add_multi_constructor("!", _plain_value)
PlainLoader.add_multi_constructor("tag:", _plain_value)


@dataclass(frozen=True)
class ExportedSubmission:
    """A submission in the zip, of one student or of a group."""

    key: str  # what Gradescope calls it
    submitters: tuple[Mapping[str, str], ...]  # name, sid, email
    time: datetime | None
    entries: tuple[str, ...]  # its files' names in the zip
    prefix: str  # what they begin with

    @property
    def number(self) -> int:
        """Return Gradescope's number; a later submission has a larger one."""
        return int((NUMBER.findall(self.key) or ["0"])[-1])


class GradescopeSubmissions:
    """The submissions in a zip; ``unclaimed`` are the files that belong to none."""

    def __init__(self, archive: ZipReader, roster: Roster):
        """Read who handed in what.

        Raises:
            SubmissionRefused: it is no export of Gradescope's.
        """
        self.archive, self.roster = archive, roster
        names = archive.names()
        place = next((name for name in names if PurePosixPath(name).name == METADATA), None)
        if place is None:
            raise SubmissionRefused(
                f"there is no {METADATA} in it: in Gradescope, use Export Submissions"
            )
        top = place.removesuffix(METADATA)
        (content,) = archive.read(METADATA_LIMITS, [place]).values()
        self.exported = [_exported(key, v, top, names) for key, v in metadata(content).items()]
        known = {place, *(entry for exported in self.exported for entry in exported.entries)}
        self.unclaimed = [name for name in names if name not in known]

    def __len__(self) -> int:
        return sum(len(exported.submitters) for exported in self.exported)

    def submissions(self) -> Iterator[IncomingSubmission]:
        """Yield everybody's latest submission; each member of a group has one."""
        latest: dict[str, tuple[ExportedSubmission, IncomingSubmission]] = {}
        for exported in sorted(self.exported, key=lambda e: e.number):
            for submitter in exported.submitters:
                submission = self._of(submitter, exported)
                if submission.student in latest:
                    submission.notes.append("is in the archive several times: the last counts")
                latest[submission.student] = exported, submission
        for exported, submission in latest.values():
            self._read(exported, submission)
            yield submission

    def _of(self, submitter: Mapping[str, str], exported: ExportedSubmission) -> IncomingSubmission:
        """Return a submission of one of its submitters, without its files."""
        ids = [submitter[name] for name in ("sid", "email") if submitter.get(name)]
        student = self.roster.by_others(*ids, *(value.partition("@")[0] for value in ids))
        name = student or next(iter(ids), f"gradescope-{exported.number}")
        submission = IncomingSubmission(name, {}, exported.number, time=exported.time)
        if student is None:
            who = submitter.get("name") or name
            submission.notes.append(f"{who} is on no roster: kept under {name} (--roster CSV)")
        if len(exported.submitters) > 1:
            submission.notes.append(f"handed in by a group of {len(exported.submitters)}")
        return submission

    def _read(self, exported: ExportedSubmission, submission: IncomingSubmission) -> None:
        try:
            contents = self.archive.read(only=exported.entries)
        except SubmissionRefused as refusal:
            submission.problems.append(str(refusal))
            return
        submission.files = without_top_folder(
            {name.removeprefix(exported.prefix): part for name, part in contents.items()}
        )
        if not submission.files:
            submission.problems.append("there is no file in it")


def metadata(raw: bytes) -> dict[str, dict[str, Any]]:
    """Return what the export says of each submission, names without their colons.

    Raises:
        SubmissionRefused: it is not what Gradescope writes.
    """
    try:
        values = yaml.load(raw, Loader=PlainLoader)  # noqa: S506  (it is a safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SubmissionRefused(f"{METADATA} cannot be read ({line}): export it again") from None
    if not isinstance(values, dict) or not all(isinstance(v, dict) for v in values.values()):
        raise SubmissionRefused(f"{METADATA} is not a list of submissions: export it again")
    return {
        str(key): {str(name).lstrip(":"): value for name, value in about.items()}
        for key, about in values.items()
    }


def _exported(key: str, about: Mapping[str, Any], top: str, names: list[str]) -> ExportedSubmission:
    prefix = f"{top}{key}/"
    entries = tuple(name for name in names if name.startswith(prefix) or name == prefix[:-1])
    if entries == (prefix[:-1],):  # a file and not a folder: where pages are handed in
        prefix = top
    normal = "/".join(part for part in prefix.split("/") if part not in ("", ".")) + "/"
    people = about.get("submitters")
    submitters = tuple(
        {str(name).lstrip(":"): str(value).strip() for name, value in person.items() if value}
        for person in (people if isinstance(people, list) else [])
        if isinstance(person, dict)
    )
    time = _time(about.get("created_at"))
    return ExportedSubmission(key, submitters or ({},), time, entries, normal.lstrip("/"))


def _time(value: Any) -> datetime | None:
    """Return a time; Ruby's own kind of time is a dictionary in which ``utc`` is one."""
    if isinstance(value, dict):
        value = value.get("utc")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace(" UTC", "+00:00").replace(" Z", "+00:00"))
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
