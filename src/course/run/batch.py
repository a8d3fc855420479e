"""Grade many submissions: what has a result is not computed again, what is interrupted goes on.

Submissions are read here and nowhere else; schedulers see jobs only (autograder.job), and only this
process writes the gradebook (course.run.publish). This module does not know how a result is
computed, nor on which machine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import nbformat
from tqdm import tqdm

from autograder import job
from autograder.execution import pool
from autograder.execution.sandbox import SandboxError
from autograder.policy import Policy
from autograder.result import Result
from autograder.status import UNGRADED, Status
from autograder.submission import intake
from autograder.submission.intake import error_line
from course.directory import CONFIG, Course, CourseError
from course.exchange import template_py
from course.run import handin_time, secret, status_files
from course.run.cache import Store
from course.run.held_marks import HeldMarks
from course.run.publish import Publisher, release_of
from course.run.workers import Done, Scheduler

MOST_REPLACEMENTS = 3  # of a submission while it is being graded
PREPROCESSORS = ("NbGraderPreprocessor", "IgnorePattern", "LimitOutput")

Files = Mapping[str, bytes]
Note = Callable[[str, Status], None]  # what to do when a student has a status


class Recorder(Protocol):
    """What takes results: a Publisher, or something that only looks at them."""

    def publish(self, student: str, key: str, result: Result, files: Files) -> Status:
        """Take a result of a submission, whose files these are, and return its status."""

    def fail(self, student: str, reason: str) -> Status:
        """Take that there is no result, for no fault of the submission's; return the status."""


@dataclass
class Batch:
    """The grading of one assignment for many students.

    Example:
        batch = Batch(course, "intro", Local(4, course.data()), policy_of(course, "intro"))
        statuses = batch.run(course.students("intro"))

    Attributes:
        course, assignment: what is graded
        scheduler: who computes
        policy: see ``policy_of``
        force: grade again what has a result
        show: draw a progress bar
        recorder: makes what takes results
        tell: called with each student and status, as they come
        counts: how many have which status by now
    """

    course: Course
    assignment: str
    scheduler: Scheduler
    policy: Policy
    force: bool = False
    show: bool = True
    recorder: Callable[[Course, str], AbstractContextManager[Recorder]] = Publisher
    tell: Note = lambda student, status: None
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._preprocessors = preprocessors(self.course)
        with self.course.gradebook() as gradebook:
            self._release = release_of(gradebook, self.course, self.assignment)
            self._held = HeldMarks.read(self.course, self.assignment, gradebook)
        self._data = self.course.data()
        self._refuse_course_in_view()
        self._store = Store.of(self.course.root)
        self._files: dict[str, Files] = {}  # of submissions under way
        self._askers: dict[str, list[str]] = {}  # students by key: equal work is graded once
        self._statuses: dict[str, Status] = {}

    def run(self, students: Sequence[str]) -> dict[str, Status]:
        """Grade, publish, and return a status for each student.

        Raises:
            CourseError: nothing can be graded here, or nothing can be written; what was done stays
                done, and the same call goes on where this one stopped.
        """
        self._statuses = {}
        self._bar = self._progress(len(students))
        with self._bar, self.recorder(self.course, self.assignment) as recorder:
            self._compute(students, recorder)
            for student in [s for s in students if s not in self._statuses]:  # replaced meanwhile
                self._again(student, recorder)
        return self._statuses

    def _refuse_course_in_view(self) -> None:
        """Raise CourseError if students' code could read the course.

        Whatever computes results looks for courses around itself, and need not lie in this one.
        """
        if self.policy.sandbox:
            try:
                view = pool.sandbox(self._data, self.policy.disk, self.course.root)
                view.refuse_courses_in_view()
            except SandboxError as error:
                raise CourseError(str(error)) from None

    def packed(self, student: str) -> bytes:
        """Return the job of a submission as it lies there now.

        Raises:
            SubmissionRefused, OSError: it cannot be read.
        """
        return self._packed(student, intake.read_folder(self._folder(student)))

    def _compute(self, students: Iterable[str], recorder: Recorder) -> None:
        jobs = self._jobs(students, recorder)
        with closing(self.scheduler.run(jobs)) as results:  # type: ignore[type-var]
            for done in results:
                self._take(done, recorder)

    def _jobs(self, students: Iterable[str], recorder: Recorder) -> Iterator[tuple[str, bytes]]:
        """Yield what has to be computed, by key; publish at once what is known already."""
        for student in students:
            packed = self._read(student, recorder)
            if packed is None:
                continue
            key = job.key(packed)
            if self._is_known(student, key, recorder):
                continue
            self._askers.setdefault(key, []).append(student)
            if len(self._askers[key]) == 1:
                yield key, packed

    def _read(self, student: str, recorder: Recorder) -> bytes | None:
        """Return the job of a submission; what is refused has its result at once."""
        try:
            self._files[student] = files = intake.read_folder(self._folder(student))
            if handin_time.FILE in files:
                handin_time.read(files[handin_time.FILE])
        except (intake.SubmissionRefused, OSError, ValueError) as error:
            self._files.pop(student, None)
            refused = Result("unreadable", (str(error),))
            self._note(student, _published(recorder, student, "", refused, {}))
            return None
        return self._packed(student, files)

    def _packed(self, student: str, files: Files) -> bytes:
        owner = self.course.root, self.assignment, student
        draws = secret.key(*owner) if self.policy.draws else b""
        settings = self.policy, self._preprocessors, self._data, draws
        return job.Job.of(self._release, files, *settings).pack()

    def _is_known(self, student: str, key: str, recorder: Recorder) -> bool:
        """Return whether nothing has to be computed; what is only stored is published."""
        if self.force:
            return False
        status = status_files.read(self.course.root, self.assignment, student)
        if status and self._is_published(student, key, status):
            self._files.pop(student, None)
            self._note(student, status)
            return True
        if result := self._store.get(key):
            self._publish(student, key, result, recorder)
            return True
        return False

    def _is_published(self, student: str, key: str, status: Status) -> bool:
        """Return whether this result is in the gradebook and in ``autograded/``."""
        notebook = f"{self.assignment}.ipynb"
        graded = self.course.root / "autograded" / student / self.assignment / notebook
        is_there = status.word in UNGRADED or graded.is_file()
        return status.key == key and is_there and self._held.is_published(student, status)

    def _take(self, done: Done, recorder: Recorder) -> None:
        """Keep a result and publish it for everybody whose work it is of."""
        if done.fatal:
            raise CourseError(done.reason)
        askers = self._askers.pop(done.key)
        if done.result is None:
            for student in askers:
                self._files.pop(student)
                self._note(student, recorder.fail(student, done.reason))
            return
        self._keep(done.key, done.result)
        for student in askers:
            self._publish(student, done.key, Result.read(done.result), recorder)

    def _keep(self, key: str, result: bytes) -> None:
        try:
            self._store.put(key, result)
        except OSError as error:
            raise CourseError(
                f"a result could not be kept ({error.strerror}): make room, then run the same "
                "command again"
            ) from None

    def _publish(self, student: str, key: str, result: Result, recorder: Recorder) -> None:
        """Publish a result, unless the submission has been replaced since it was read."""
        files = self._files.pop(student)
        try:
            if intake.read_folder(self._folder(student)) != files:
                return  # run() comes back to it
        except (intake.SubmissionRefused, OSError):
            return
        result = self._explained(result, files)
        self._note(student, _published(recorder, student, key, result, files))

    def _explained(self, result: Result, files: Files) -> Result:
        """Add why there is no notebook where other files are turned in instead of one."""
        if result.word != "unreadable":
            return result
        template = nbformat.reads(self._release.template, as_version=4)
        turn_in = self.course.assignment(self.assignment).turn_in
        why = template_py.why_no_notebook(template, turn_in, files)
        return replace(result, reasons=(why,)) if why else result

    def _again(self, student: str, recorder: Recorder) -> None:
        """Grade a submission that was replaced while its predecessor was being graded."""
        for _ in range(MOST_REPLACEMENTS):
            self._compute([student], recorder)
            if student in self._statuses:
                return
        reason = "it was replaced again and again while being graded"
        self._note(student, recorder.fail(student, reason))

    def _note(self, student: str, status: Status) -> None:
        self._statuses[student] = status
        self.counts[status.word] += 1
        counts = (f"{n} {word}" for word, n in self.counts.most_common())
        self._bar.set_postfix_str(", ".join(counts))
        self._bar.update()
        self.tell(student, status)

    def _progress(self, total: int) -> tqdm:
        return tqdm(
            total=total,
            desc=self.assignment,
            unit="",
            disable=None if self.show else True,  # none: only where somebody looks
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
            "[{elapsed}<{remaining}, {rate_fmt}]{postfix}",
        )

    def _folder(self, student: str) -> Path:
        return self.course.root / "submitted" / student / self.assignment


def _published(recorder: Recorder, student: str, key: str, result: Result, files: Files) -> Status:
    """Publish a result; one that cannot be published is a row, and the others go on."""
    try:
        return recorder.publish(student, key, result, files)
    except CourseError:  # it concerns everybody
        raise
    except Exception as error:
        return recorder.fail(student, f"its result could not be written: {error_line(error)}")


def policy_of(course: Course, assignment: str, sandbox: bool = True, demos: bool = False) -> Policy:
    """Return the policy of an assignment, with what the command line says.

    Args:
        course: the course
        assignment: kernels load what its assignment.toml names, unless the course says otherwise
        sandbox: False for none
        demos: True for demonstrations, too

    Raises:
        CourseError: the configuration has a setting that is not right.
    """
    policy = configured(course)
    return replace(
        policy,
        sandbox=policy.sandbox and sandbox,
        demos=policy.demos or demos,
        preload=policy.preload or course.assignment(assignment).preload,
    )


def configured(course: Course) -> Policy:
    """Return the policy as ``nbgrader_config.py`` has it.

    Raises:
        CourseError: it has a setting that is not right.
    """
    try:
        return Policy.from_json(course.config().get("Policy", {}))
    except ValueError as error:
        raise CourseError(f"{CONFIG}: {error}") from None


def preprocessors(course: Course) -> dict[str, dict[str, object]]:
    """Return the course's settings of nbgrader's preprocessors that change outputs."""
    config = course.config()
    return {name: dict(config[name]) for name in PREPROCESSORS if name in config}
