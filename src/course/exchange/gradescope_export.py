"""Gradescope: whose submissions an archive of "Export Submissions" holds, and when they came.

In such an archive lie a folder for each submission and ``submission_metadata.yml``, which says who
handed in what and when. Gradescope writes it with Ruby: names begin with a colon, some values have
tags of Ruby's. They are read as plain values, and nothing is made of a tag.

This module does not know what becomes of a file.
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
from course.exchange.canvas import Roster
from course.exchange.collect import HandedIn

METADATA = "submission_metadata.yml"
METADATA_LIMITS = FileLimits(file_bytes=200_000_000, total_bytes=200_000_000, ratio=1000)
NUMBER = re.compile(r"\d+")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it can be had


class Plain(_Loader):  # type: ignore[misc]
    """Reads YAML as plain values: dictionaries, lists, text, numbers, times."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave ``<<`` a name like others: merging could make much out of little."""


def _plainly(loader: Any, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


Plain.add_multi_constructor("!", _plainly)
Plain.add_multi_constructor("tag:", _plainly)


@dataclass(frozen=True)
class ExportedSubmission:
    """A submission: one or more students', of a group."""

    key: str  # what Gradescope calls it
    submitters: tuple[Mapping[str, str], ...]  # name, sid, email
    time: datetime | None
    entries: tuple[str, ...]  # its files' names in the archive
    prefix: str  # what they begin with

    @property
    def number(self) -> int:
        """Return Gradescope's number; a later submission has a larger one."""
        found = NUMBER.findall(self.key)
        return int(found[-1]) if found else 0


class Exported:
    """An archive of submissions."""

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
        top = place[: -len(METADATA)]
        content = archive.read(METADATA_LIMITS, [place])
        about = metadata(next(iter(content.values())))
        self.submissions = [_submission(key, each, top, names) for key, each in about.items()]
        known = {place, *(entry for each in self.submissions for entry in each.entries)}
        self.strangers = [name for name in names if name not in known]

    def __len__(self) -> int:
        return sum(len(each.submitters) for each in self.submissions)

    def handed_in(self) -> Iterator[HandedIn]:
        """Yield everybody's submission; of a group everybody has one."""
        newest: dict[str, tuple[ExportedSubmission, HandedIn]] = {}
        for submission in sorted(self.submissions, key=lambda each: each.number):
            for submitter in submission.submitters:
                each = self._person(submission, submitter)
                if each.student in newest:
                    each.notes.append("is in the archive several times: the last counts")
                newest[each.student] = submission, each
        for submission, each in newest.values():
            self._read(submission, each)
            yield each

    def _person(self, submission: ExportedSubmission, submitter: Mapping[str, str]) -> HandedIn:
        ids = [submitter[name] for name in ("sid", "email") if submitter.get(name)]
        student = self.roster.by_others(*ids, *(each.partition("@")[0] for each in ids))
        named = student or next(iter(ids), f"gradescope-{submission.number}")
        each = HandedIn(named, {}, submission.number, time=submission.time)
        if student is None:
            who = submitter.get("name") or named
            each.notes.append(f"{who} is on no roster: kept under {named} (--roster CSV)")
        if len(submission.submitters) > 1:
            each.notes.append(f"handed in by a group of {len(submission.submitters)}")
        return each

    def _read(self, submission: ExportedSubmission, each: HandedIn) -> None:
        try:
            contents = self.archive.read(only=submission.entries)
        except SubmissionRefused as refusal:
            each.refused.append(str(refusal))
            return
        each.files = without_top_folder(
            {name.removeprefix(submission.prefix): part for name, part in contents.items()}
        )
        if not each.files:
            each.refused.append("there is no file in it")


def metadata(raw: bytes) -> dict[str, dict[str, Any]]:
    """Return what the export says of each submission, names without their colons.

    Raises:
        SubmissionRefused: it is not what Gradescope writes.
    """
    try:
        found = yaml.load(raw, Loader=Plain)  # noqa: S506  (it is a safe one)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SubmissionRefused(f"{METADATA} cannot be read ({said}): export it again") from None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise SubmissionRefused(f"{METADATA} is not a list of submissions: export it again")
    return {
        str(key): {str(name).lstrip(":"): value for name, value in each.items()}
        for key, each in found.items()
    }


def _submission(
    key: str, about: Mapping[str, Any], top: str, names: list[str]
) -> ExportedSubmission:
    prefix = f"{top}{key}/"
    entries = tuple(name for name in names if name.startswith(prefix) or name == prefix[:-1])
    if entries == (prefix[:-1],):  # a file and not a folder: where pages are handed in
        prefix = top
    people = about.get("submitters")
    submitters = tuple(
        {str(name).lstrip(":"): str(value).strip() for name, value in person.items() if value}
        for person in (people if isinstance(people, list) else [])
        if isinstance(person, dict)
    )
    normal = "/".join(part for part in prefix.split("/") if part not in ("", ".")) + "/"
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
