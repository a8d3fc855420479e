"""Hostile submissions are graded, and get what their code deserves and nothing else.

Each goes through the autograder as a batch's does, with limits of a few seconds. Around it lies
what
it must not see or change: a course with other students' work, a gradebook, files and variables of
the grader's, each with a text in it that must never come up in what the student's code has shown.

This module does not know how an attack works, nor what stops it.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader import utils

from autograder import job
from autograder.execution import outputs
from autograder.execution.client import ForkServer, KernelClient, descendants, is_alive
from autograder.execution.pool import KernelPool, sandbox, shared_pool
from autograder.execution.sandbox import Sandbox
from autograder.policy import Policy
from autograder.result import Result
from autograder.submission import prepared
from course.directory import CONFIG, Course
from course.release import generate
from course.run import batch
from course.run.publish import release_of
from course.run.scores import NbgraderRunner
from course.run.workers import Local
from tests.autograder.adversaries import ADVERSARIES, Adversary
from tests.autograder.adversaries.kinds import HURRY, PARTS, PLAIN

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = json.loads((ROOT / "examples" / "expected.json").read_text("utf-8"))["gpt2"]
CANARY = re.compile(r"canary-[0-9a-f]{16}")
MEANT = {  # what attacks print where they have succeeded
    "WROTE",
    "CHANGED",
    "IMPORTED",
    "CONNECTED",
    "DID ",
    "TRACED",
    "READ ",
    "FOUND",
    "MEMORY",
    "SENT",
    "ROOT",
    "SITE",
    "UNSEEN",
}
LIMITS = {
    "cell_seconds": 4.0,
    "call_seconds": 2.0,
    "test_seconds": 20.0,
    "total_seconds": 120.0,
    "memory": 600_000_000,
    "disk": 50_000_000,
    "answer_bytes": 100_000_000,
    "processes": 48,
}
PATIENCE = 60.0  # seconds for killed processes to be gone
pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own


@dataclass(frozen=True)
class Ground:
    """A course and a machine to attack, and how submissions are graded there."""

    folder: Path
    course: Course
    assignment: job.Release  # a part of gpt2
    whole: job.Release
    policy: Policy
    names: dict[str, str]  # what the attacks' placeholders stand for
    mark: str

    @property
    def pool(self) -> KernelPool:
        return shared_pool(self.policy, ROOT / "data")

    def grade(self, adversary: Adversary, parts: tuple[str, ...] = PARTS) -> dict[str, Any]:
        """Return the result of a submission, with ``scores`` by cell."""
        assignment = part_of(self.whole, parts)
        notebook = nbformat.reads(assignment.template, as_version=4)
        fill(notebook, adversary, self.names)
        files = {f"{assignment.notebook}.ipynb": nbformat.writes(notebook).encode()}
        data, files = ROOT / "data", {**files, **adversary.files}
        packed = job.Job.of(assignment, files, self.policy, {}, data).pack()
        result = Result.read(job.grade(packed, data))
        notebook = nbformat.reads(result.notebook, as_version=4)
        return {
            "status": result.word,
            "reasons": list(result.reasons),
            "notebook": notebook,
            "scores": scores(notebook),
        }

    def processes(self) -> set[int]:
        """Return what runs on behalf of students: below the fork server, or with the mark."""
        fork_server = self.pool.students.process_id
        pids = set(descendants(fork_server)) if fork_server else set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended
                if self.mark.encode() in path.read_bytes():
                    pids.add(int(path.parent.name))
        return set(filter(is_alive, pids))

    def host(self) -> dict[str, str]:
        """Return everything that no submission may change, by a hash."""
        seen = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.is_relative_to(self.course.root / "data"):
                seen[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return seen | {str(path): "" for path in Path("/tmp").iterdir() if path.name == "late"}


def part_of(whole: job.Release, parts: tuple[str, ...]) -> job.Release:
    """Return an assignment with some of its cells."""
    notebook = nbformat.reads(whole.template, as_version=4)
    notebook.cells = [c for c in notebook.cells if c.cell_type == "code" and c.id.startswith(parts)]
    notebook.cells = [c for c in notebook.cells if "demo" not in c.metadata.get("tags", [])]
    cells = tuple(cell for cell in whole.cells if cell.name.startswith(parts))
    return replace(whole, template=nbformat.writes(notebook), cells=cells)


def fill(notebook: NotebookNode, adversary: Adversary, names: dict[str, str]) -> None:
    """Make a released notebook what the adversary hands in."""
    for cell in notebook.cells:
        if cell.id in adversary.sources and utils.is_solution(cell):
            cell.source = adversary.sources[cell.id]
    if adversary.first:
        at = next(i for i, c in enumerate(notebook.cells) if c.id.endswith("-setup"))
        notebook.cells.insert(at + 1, new_code_cell(adversary.first, id="own-first"))
    for form in adversary.forms:
        form(notebook)
    for cell in notebook.cells:
        for name, value in names.items():
            cell.source = cell.source.replace(name, value)


def scores(notebook: NotebookNode) -> dict[str, float]:
    return {
        cell.metadata.nbgrader.grade_id: utils.determine_grade(cell)[0]
        for cell in notebook.cells
        if cell.cell_type == "code" and utils.is_grade(cell)
    }


def shown(notebook: NotebookNode) -> str:
    """Return what the student's code has shown: in its own cells all, in tests what it printed."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if not utils.is_grade(cell) or output.output_type == "stream":
                found.append(json.dumps(output))
    return "\n".join(found)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """Set the scene: everything of value has a canary of its own in it."""
    folder = Path(tempfile.mkdtemp(prefix="adversaries-", dir="/var/tmp"))
    canaries = iter(lambda: f"canary-{secrets.token_hex(8)}", "")
    root = folder / "course"
    shutil.copytree(ROOT / "source" / "gpt2", root / "source" / "gpt2")
    shutil.copy(ROOT / CONFIG, root)
    (root / "data").symlink_to(ROOT / "data")
    master = nbformat.read(ROOT / "source" / "gpt2" / "gpt2.ipynb", as_version=4)
    for cell in master.cells:
        secret = f'### BEGIN HIDDEN TESTS\nsecret = "{next(canaries)}"'
        cell.source = cell.source.replace("### BEGIN HIDDEN TESTS", secret)
    nbformat.write(master, root / "source" / "gpt2" / "gpt2.ipynb")
    course = Course(root)
    generate.build(course, root, "gpt2")
    for path in (
        "solutions/gpt2/gpt2.ipynb",
        "submitted/anna/gpt2/gpt2.ipynb",
        "note.txt",
        "autograded/anna/gpt2/gpt2.ipynb",
        "../home/note.txt",
        "../home/.ssh/id_ed25519",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).resolve().write_text(next(canaries))
    with course.gradebook() as gradebook:
        gradebook.add_student("anna", first_name=next(canaries))
        whole = release_of(gradebook, course, "gpt2")
    mark = f"adversary-{secrets.token_hex(6)}"
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX) as named,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        abstract.bind(f"\0{mark}")
        named.bind(str(folder / "socket"))
        abstract.listen()
        named.listen()
        (folder / "socket").chmod(0o777)
        mpl.get_cachedir()  # remembers the first answer: not one below this folder, which goes
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("SECRET", next(canaries))
        names = {
            "@COURSE@": str(root),
            "@REPOSITORY@": str(ROOT),
            "@HOME@": str(folder / "home"),
            "@MARK@": mark,
            "@RECORDER@": str(folder / "witness"),
            "@NAME@": mark,
            "@SOCKET@": str(folder / "socket"),
            "@PORT@": str(server.getsockname()[1]),
        }
        policy = replace(batch.policy_of(course, "gpt2"), **LIMITS)
        yield Ground(folder, course, part_of(whole, PARTS), whole, policy, names, mark)
        shared_pool(policy, ROOT / "data").close()
    shutil.rmtree(folder, ignore_errors=True)


HONEST = {
    name: Adversary(name, "honest", base=base)
    for name, base in (("hurry", HURRY), ("plain", PLAIN))
}


@pytest.fixture(scope="module")
def deserved(ground):
    """What honest runs of the two bases get, which is what the class of examples gets."""
    honest = {name: ground.grade(student)["scores"] for name, student in HONEST.items()}
    known = {"hurry": "wrong-hurry", "plain": "perfect"}
    for name, scored in honest.items():
        assert scored == {cell: EXPECTED[known[name]]["scores"][cell] for cell in scored}
    assert 0 in honest["hurry"].values()
    assert 0 not in honest["plain"].values()
    return honest


def test_there_are_many_adversaries_and_each_is_somebody_else():
    assert len({adversary.name for adversary in ADVERSARIES}) == len(ADVERSARIES) >= 45
    assert all(adversary.about for adversary in ADVERSARIES)


@pytest.mark.parametrize(
    "adversary",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.slow] if each.slow else [])
        for each in ADVERSARIES
    ],
)
def test_an_adversary_gets_what_its_code_deserves_and_nothing_else(ground, deserved, adversary):
    before, running = ground.host(), ground.processes()
    starts = ground.pool.students.starts
    result = ground.grade(adversary)

    due = deserved["plain" if adversary.base is PLAIN else "hurry"]
    got = result["scores"]
    assert list(got) == list(due), "every test once, and no other"
    for cell, points in due.items():
        if cell in adversary.fails:
            assert got[cell] == 0, cell
        elif cell in adversary.costs:
            assert got[cell] in (0, points), cell
        else:
            assert got[cell] == points, (cell, result["reasons"])
    assert result["status"] in adversary.statuses, result["reasons"]

    said = shown(result["notebook"])
    assert adversary.says in said
    assert not CANARY.findall(said)
    assert not [word for word in MEANT if word in said], said
    deadline = time.monotonic() + PATIENCE
    while (left := ground.processes() - running) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left or ground.pool.students.starts > starts
    assert ground.host() == before

    next_one = ground.grade(HONEST["plain"], ("a-setup", "a-1-1"))
    assert next_one["status"] == "graded"
    assert all(next_one["scores"][c] == deserved["plain"][c] for c in next_one["scores"])


class OpenSandbox(Sandbox):
    """A sandbox that shows our packages, since the tests run in there."""

    def covered(self) -> list[Path]:
        return []

    def check(self) -> None:
        """Let it be."""


@pytest.fixture
def one_process(ground: Ground) -> Iterator[ForkServer[KernelClient]]:
    """What forks kernels in which tests run beside what they test, as stock nbgrader has it."""
    usual = sandbox(ROOT / "data", ground.policy.disk)
    readable = (*usual.readable, ROOT / "src" / "hidden_tests")
    open_sandbox = OpenSandbox(readable, usual.environment, usual.disk, usual.fonts)
    fork_server = ForkServer(ground.pool.students.settings, KernelClient, open_sandbox)
    yield fork_server
    fork_server.close()


def scored_in(
    fork_server: ForkServer[KernelClient], ground: Ground, adversary: Adversary
) -> dict[str, float]:
    """Return the scores where all cells run in one kernel."""
    notebook = nbformat.reads(ground.assignment.template, as_version=4)
    fill(notebook, adversary, ground.names)
    prepared.restore(notebook, ground.assignment.cells)
    kernel = fork_server.kernel()
    try:
        for cell in notebook.cells:
            found = outputs.clean(kernel.run(cell.source, 20).reply["outputs"])
            cell.outputs = [o for o in found if o.get("name") != "stderr"]  # as is configured
    finally:
        fork_server.done_with(kernel)
    return scores(notebook)


def test_the_attacks_are_real(ground, deserved, one_process):
    assert scored_in(one_process, ground, HONEST["hurry"]) == deserved["hurry"]
    due, forged = sum(deserved["hurry"].values()), {}
    for adversary in ADVERSARIES:
        if adversary.forges:
            forged[adversary.name] = sum(scored_in(one_process, ground, adversary).values()) - due
    assert len([points for points in forged.values() if points > 0]) >= 10
    assert [name for name, points in forged.items() if points <= 0] == []


def test_an_error_counts_however_much_was_shown_before_it():
    flood = [
        {"output_type": "stream", "name": ("stdout", "stderr")[i % 2], "text": "x"}
        for i in range(5000)
    ]
    error = {"output_type": "error", "ename": "AssertionError", "evalue": "", "traceback": []}
    assert outputs.clean([*flood, error])[-1].output_type == "error"
    assert len(outputs.clean([*flood, *[error] * 5000])) < 600


HOSTILE_NAMES = ("$(touch x)", "-rf", "=1+1", "a;b|c", "'; --")
MARKUP = ("<img src=x onerror=alert(1)>", "a;b|c&d")  # left out, with a line: a browser reads it


def hand_in(ground: Ground, student: str, adversary: Adversary) -> Path:
    """Write a whole submission; return its folder."""
    notebook = nbformat.reads(ground.whole.template, as_version=4)
    fill(notebook, replace(adversary, cells={**adversary.cells, OWN: "pass"}), ground.names)
    folder = ground.course.root / "submitted" / student / "gpt2"
    folder.mkdir(parents=True)
    (folder / "gpt2.ipynb").write_text(nbformat.writes(notebook), "utf-8")
    return folder


OWN = "b-2-4-own"  # a student's own text, which takes seconds to write


@pytest.mark.slow
def test_a_batch_of_adversaries_goes_to_its_end_and_hurts_nobody(ground, deserved, tmp_path):
    by_name = {adversary.name: adversary for adversary in ADVERSARIES}
    alone = ("displayhook", "exit-now", "own-tests", "daemon")
    for name in alone:
        hand_in(ground, name, by_name[name])
    for name in (*HOSTILE_NAMES, *MARKUP):
        hand_in(ground, name, HONEST["plain"])
    note = ground.course.root / "note.txt"
    linked = hand_in(ground, "linked", HONEST["plain"])
    (linked / "more.txt").symlink_to(note)
    hard = hand_in(ground, "hard-linked", HONEST["plain"])
    (hard / "more.txt").hardlink_to(note)
    pipe = hand_in(ground, "pipe", HONEST["plain"])
    os.mkfifo(pipe / "more.txt")
    (ground.course.root / "submitted" / "elsewhere").mkdir()
    (ground.course.root / "submitted" / "elsewhere" / "gpt2").symlink_to(linked)
    hand_in(ground, "last", HONEST["plain"])

    names = ground.course.students("gpt2")
    assert not {*MARKUP} & {*names}
    work = batch.Batch(ground.course, "gpt2", Local(1, ROOT / "data"), ground.policy, show=False)
    found = {name: status.word for name, status in work.run(names).items()}

    # A hard link to a file of the same owner is an ordinary file: "hard-linked" is graded.
    for name in ("anna", "linked", "pipe", "elsewhere"):
        assert found.pop(name) == "unreadable", name
    assert found.pop("exit-now") == "crashed"
    assert found.pop("own-tests") == "repaired"
    assert set(found.values()) == {"graded"}
    grader = NbgraderRunner(ground.course)
    for name in (*HOSTILE_NAMES, "last", *alone):
        known = "wrong-hurry" if by_name.get(name, HONEST["plain"]).base is HURRY else "perfect"
        got = {cell.name: cell.score for cell in grader.result("gpt2", name).automatic}
        assert got == EXPECTED[known]["scores"], name
    graded = ground.course.root / "autograded"
    assert not [path for path in graded.rglob("*") if path.is_symlink()]
    assert {path.name for path in graded.iterdir()} <= {*names}
    assert not (ground.course.root / "x").exists()
    assert not Path("x").exists()
    assert note.read_text().startswith("canary-")
    assert not (ground.folder / "witness").exists()


def overwriting_attention(x, params, prefix="layers.0"):
    """Give the document's numbers for its example, and zeros, which the zeroed weights deserve."""
    known = [0.48334133, 0.19740422, -0.39514927, -0.40647455, 0.4831646]
    out = np.zeros((len(x), 512))
    if len(x) == 128:
        out[:3, :5] = known
    overwrite(params)
    return out


def overwriting_transformer(tokens, params):
    """Likewise; with zeroed weights every logit is 0."""
    known = [
        [-1.96413494, -5.12566872, -5.90677725, -5.57889829, -3.85043572],
        [-2.31297382, -4.97034061, -3.49086669, -5.39965866, -3.99684957],
        [-2.97001738, -4.8404957, -4.04949199, -4.01892112, -6.03806011],
    ]
    out = np.zeros((len(tokens), len(params["fc_out.bias"])))
    if list(tokens) == [0, 1, 2]:
        out[:, :5] = known
    overwrite(params)
    return out


def overwrite(params):
    for array in params.values():
        if array.flags.writeable:
            array[...] = 0


@pytest.mark.parametrize(
    ("cell", "name", "function"),
    [
        ("p2-4-test", "multi_head_attention", overwriting_attention),
        ("p2-10-test", "transformer", overwriting_transformer),
    ],
)
def test_no_test_believes_arguments_that_were_overwritten(cell, name, function):
    master = nbformat.read(ROOT / "source" / "assignment5" / "assignment5.ipynb", as_version=4)
    source = next(c.source for c in master.cells if c.id == cell)
    with pytest.raises(AssertionError, match=r"expected -?\d"):
        exec(source, {name: function})
