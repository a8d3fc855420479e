"""Grade many submissions: what has a result is not computed again, what is interrupted goes on.

Submissions are read here and nowhere else; whoever computes sees bundles only (autograder.job),
and only this process writes the gradebook (course.run.publish). This module does not know how a
result is computed, nor on which machine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from autograder import job, status
from autograder.policy import Policy
from autograder.submission import intake
from course.directory import Course, CourseError
from course.run import secret, status_files
from course.run.cache import Store
from course.run.publish import Publisher, assignment_in
from course.run.workers import Done, Scheduler

MOST_REPLACEMENTS = 3  # of a submission while it is being graded
PREPROCESSORS = ("NbGraderPreprocessor", "IgnorePattern", "LimitOutput")


@dataclass
class Batch:
    """The grading of one assignment for many students."""

    course: Course
    assignment: str
    scheduler: Scheduler
    policy: dict[str, Any]
    force: bool = False
    show: bool = True  # a progress bar
    recorder: Callable[[Course, str], Any] = Publisher  # or what takes results in its place
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        config = self.course.config()
        self._preprocessors = {name: dict(config[name]) for name in PREPROCESSORS if name in config}
        with self.course.gradebook() as gradebook:
            self._common = assignment_in(gradebook, self.course, self.assignment)
        self._store = Store.of(self.course.root)
        self._files: dict[str, dict[str, bytes]] = {}  # of submissions under way
        self._askers: dict[str, list[str]] = {}  # students by key: equal work is graded once

    def run(self, students: Sequence[str]) -> dict[str, status.Status]:
        """Grade, publish, and return a status for each student.

        Raises:
            CourseError: nothing can be graded here, or nothing can be written; what was done stays
                done, and the same call goes on where this one stopped.
        """
        found: dict[str, status.Status] = {}
        bar = tqdm(
            total=len(students),
            desc=self.assignment,
            unit="",
            disable=not self.show,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
            "[{elapsed}<{remaining}, {rate_fmt}]{postfix}",
        )

        def note(student: str, result: status.Status) -> None:
            found[student] = result
            self.counts[result.word] += 1
            bar.set_postfix_str(", ".join(f"{n} {word}" for word, n in self.counts.most_common()))
            bar.update()

        with bar, self.recorder(self.course, self.assignment) as recorder:
            jobs = self._jobs(students, recorder, note)
            with closing(self.scheduler.run(jobs)) as results:  # type: ignore[type-var]
                for done in results:
                    self._take(done, recorder, note)
            for student in [s for s in students if s not in found]:  # replaced meanwhile
                self._again(student, recorder, note)
        return found

    def _jobs(
        self, students: Iterable[str], recorder: Publisher, note: "Note"
    ) -> Iterator[tuple[str, bytes]]:
        """Yield what has to be computed; publish at once what is known already."""
        for student in students:
            packed = self._packed(student, note)
            if packed is None:
                continue
            key = job.key(packed)
            known = status_files.read(self.course.root, self.assignment, student)
            if known and not self.force and self._is_done(student, key, known):
                self._files.pop(student, None)
                note(student, known)
                continue
            if not self.force and (kept := self._store.get(key)):
                self._publish(student, key, kept, recorder, note)
                continue
            self._askers.setdefault(key, []).append(student)
            if len(self._askers[key]) == 1:
                yield key, packed

    def _packed(self, student: str, note: "Note") -> bytes | None:
        """Read a submission; what is refused is that student's result."""
        try:
            self._files[student] = intake.read_folder(self._folder(student))
        except (intake.SubmissionRefused, OSError) as error:
            refused = status.Status("unreadable", (str(error),))
            with self.recorder(self.course, self.assignment) as recorder:
                refused = recorder.publish(
                    student,
                    "",
                    {
                        "status": "unreadable",
                        "reasons": [str(error)],
                        "notebook": None,
                        "total": 0,
                    },
                    {},
                )
            note(student, refused)
            return None
        return self._bundle(student, self._files[student])

    def _bundle(self, student: str, files: Mapping[str, bytes]) -> bytes:
        draws = (
            secret.key(self.course.root, self.assignment, student) if self.policy["draws"] else b""
        )
        return job.pack(self._common, files, self.policy, self._preprocessors, draws)

    def packed(self, student: str) -> bytes:
        """Return the bundle of a submission as it lies there now.

        Raises:
            Refused, OSError: it cannot be read.
        """
        return self._bundle(student, intake.read_folder(self._folder(student)))

    def _is_done(self, student: str, key: str, known: status.Status) -> bool:
        if known.key != key:
            return False
        graded = self.course.root / "autograded" / student / self.assignment
        return known.word in status.UNGRADED or graded.is_dir()

    def _take(self, done: Done, recorder: Publisher, note: "Note") -> None:
        """Keep a result and publish it for everybody whose work it is of."""
        if done.fatal:
            raise CourseError(done.reason)
        askers = self._askers.pop(done.key)
        if done.result is None:
            for student in askers:
                failed = status.Status("failed", (done.reason,))
                status_files.write(self.course.root, self.assignment, student, failed)
                note(student, failed)
            return
        try:
            self._store.put(done.key, done.result)
        except OSError as error:
            raise CourseError(
                f"a result could not be kept ({error.strerror}): make room, then run the same "
                "command again"
            ) from None
        for student in askers:
            self._publish(student, done.key, done.result, recorder, note)

    def _publish(
        self, student: str, key: str, raw: bytes, recorder: Publisher, note: "Note"
    ) -> None:
        """Publish a result, unless the submission has been replaced since it was read."""
        files = self._files.pop(student)
        try:
            if intake.read_folder(self._folder(student)) != files:
                return  # run() comes back to it
        except (intake.SubmissionRefused, OSError):
            return
        note(student, recorder.publish(student, key, job.read_result(raw), files))

    def _again(self, student: str, recorder: Publisher, note: "Note") -> None:
        """Grade a submission that was replaced while its predecessor was being graded."""
        for _ in range(MOST_REPLACEMENTS):
            done_before = sum(self.counts.values())
            with closing(self.scheduler.run(self._jobs([student], recorder, note))) as results:  # type: ignore[type-var]
                for done in results:
                    self._take(done, recorder, note)
            if sum(self.counts.values()) > done_before:
                return
        failed = status.Status("failed", ("it was replaced again and again while being graded",))
        status_files.write(self.course.root, self.assignment, student, failed)
        note(student, failed)

    def _folder(self, student: str) -> Path:
        return self.course.root / "submitted" / student / self.assignment


Note = Callable[[str, status.Status], None]


def policy_of(course: Course, sandbox: bool = True, demos: bool = False) -> dict[str, Any]:
    """Return the course's policy, with what the command line says."""
    settings = Policy(config=course.config()).settings()
    settings["sandbox"] = settings["sandbox"] and sandbox
    settings["demos"] = settings["demos"] or demos
    return settings
