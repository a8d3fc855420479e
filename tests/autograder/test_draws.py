"""Hidden inputs are each student's own, the same whenever they are asked for, and nobody else's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from autograder.job import Job
from course.directory import Course
from course.run import batch, secret, workers
from seqlab import draws
from tests.support.classroom import GPT2, examined, hand_in, make_course

DRAWN = "from seqlab.draws import generator\nprint(generator(7).integers(10**9, size=3).tolist())"
FIRST = np.random.default_rng(7).integers(10**9, size=3).tolist()


@pytest.fixture
def no_key():
    yield
    draws.use_key(b"")


@pytest.fixture(scope="module")
def policy():
    return replace(batch.policy_of(Course.find(), GPT2), preload="shared = {}")


def test_without_a_key_a_seed_gives_what_numpy_gives(no_key):
    assert draws.generator(7).integers(10**9, size=3).tolist() == FIRST
    draws.use_key(b"a key")
    other = draws.generator(7).integers(10**9, size=3).tolist()
    assert other != FIRST
    assert draws.generator(7).integers(10**9, size=3).tolist() == other


def test_keys_differ_between_students_and_assignments_and_stay_the_same(tmp_path):
    keys = {
        (a, s): secret.key(tmp_path, a, s) for a in ("assignment5", "gpt2") for s in ("ann", "zoe")
    }
    assert len(set(keys.values())) == 4
    assert all(secret.key(tmp_path, a, s) == key for (a, s), key in keys.items())
    path = tmp_path / ".autograder" / "secret"
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    assert secret.key(tmp_path, "gpt2", "ann") != keys["gpt2", "ann"]


def test_a_seed_makes_the_secret_anew_and_always_alike(tmp_path):
    secret.from_seed(tmp_path, 3)
    first = secret.key(tmp_path, "gpt2", "ann")
    secret.from_seed(tmp_path, 4)
    assert secret.key(tmp_path, "gpt2", "ann") != first
    secret.from_seed(tmp_path, 3)
    assert secret.key(tmp_path, "gpt2", "ann") == first


def test_a_test_draws_with_the_students_key_and_the_students_code_cannot(policy):
    solution = f"def f(x):\n    exec({DRAWN!r})"
    _, plain = examined(solution, DRAWN, "f(1)", policy=policy)
    assert [json.loads(each) for each in plain] == [FIRST, FIRST]
    _, ann = examined(solution, DRAWN, "f(1)", DRAWN, policy=policy, draws=b"ann")
    _, zoe = examined(solution, DRAWN, "f(1)", policy=policy, draws=b"zoe")
    assert ann[0] == ann[2] != zoe[0] != plain[0]
    assert json.loads(ann[1]) == json.loads(zoe[1]) == FIRST


def test_a_batch_gives_each_student_a_key_unless_it_is_told_not_to(tmp_path):
    course = make_course(tmp_path / "course")
    work = batch.Batch(course, GPT2, workers.Local(1, course.data()), batch.policy_of(course, GPT2))
    for name in ("ann", "zoe"):
        hand_in(course, name, b"{}")
    found = [Job.read(work.packed(name)).draws for name in ("ann", "zoe", "ann")]
    assert found[0] == found[2] != found[1]
    assert found[0] == secret.key(course.root, GPT2, "ann")
    work.policy = replace(work.policy, draws=False)
    assert Job.read(work.packed("ann")).draws == b""
