"""The workflow, the Dockerfile and the devcontainer name what there is; nothing here runs them."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
DOCKERFILE = ROOT / "Dockerfile"
DEVCONTAINER = ROOT / ".devcontainer" / "devcontainer.json"
FILES = [WORKFLOW, DOCKERFILE, DEVCONTAINER, ROOT / ".dockerignore"]
LOCKS = {path.stem for path in (ROOT / "requirements").glob("*.txt")}


def made(commands):
    """Return the targets of make in a text."""
    return re.findall(r"\bmake ([\w./-]+)", commands)


def is_target(name):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    installed = re.fullmatch(r"\.venv/(\w+)\.installed", name)
    return installed[1] in LOCKS if installed else f"\n{name}:" in makefile


@pytest.fixture
def jobs():
    workflow = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "schedule" in workflow[True]  # YAML reads the key `on` as true
    return workflow["jobs"]


def test_the_workflow_runs_the_commands_of_the_readme_on_two_pythons(jobs):
    matrix = jobs["readme"]["strategy"]["matrix"]
    start = (ROOT / "README.md").read_text("utf-8").split("```sh\n")[1].split("```")[0]
    assert matrix["command"] == made(start)
    least = re.search(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert matrix["python"][0] == least[1]
    assert len(matrix["python"]) == 2
    assert jobs["readme"]["steps"][-1]["run"] == "make ${{ matrix.command }}"


def test_once_a_week_the_quick_tests_meet_the_newest_nbgrader(jobs):
    commands = [step.get("run", "") for step in jobs["newest"]["steps"]]
    assert any("--upgrade nbgrader nbconvert" in command for command in commands)
    assert commands[-1] == "make check"
    assert all(is_target(target) for command in commands for target in made(command))


def test_every_step_of_the_dockerfile_names_what_there_is():
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    steps = [line for line in text.replace("\\\n", " ").splitlines() if line]
    assert {step.split()[0] for step in steps} <= {"FROM", "RUN", "USER", "WORKDIR", "COPY", "CMD"}
    stages = [step.split()[-1] for step in steps if step.startswith("FROM")]
    bases = [step.split()[1] for step in steps if step.startswith("FROM")]
    assert set(bases[1:]) <= set(stages)
    (command,) = [json.loads(step.removeprefix("CMD ")) for step in steps if step.startswith("CMD")]
    targets = [target for step in steps for target in made(step)] + command[1:]
    assert [target for target in targets if not is_target(target)] == []
    assert steps.index("USER grader") < len(steps) - 1  # nothing runs as root


def test_the_devcontainer_starts_from_a_stage_of_the_dockerfile():
    settings = json.loads(DEVCONTAINER.read_text("utf-8"))
    build = settings["build"]
    assert (DEVCONTAINER.parent / build["dockerfile"]).resolve() == DOCKERFILE
    assert f" AS {build['target']}\n" in DOCKERFILE.read_text("utf-8")
    assert all(is_target(target) for target in made(settings["postCreateCommand"]))
    options = [option.removeprefix("--security-opt=") for option in settings["runArgs"]]
    for option in options:  # the same as the page says
        assert f"--security-opt {option}" in DOCKERFILE.read_text("utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_host_of_a_registry_is_named(path):
    assert not re.search(r"https?://|\w+\.(?:io|org|com)\b", path.read_text("utf-8"))


def test_no_secret_and_no_submission_gets_into_an_image():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {".autograder", "submitted/*", "gradebook.db*", ".git", ".venv*"} <= set(ignored)
