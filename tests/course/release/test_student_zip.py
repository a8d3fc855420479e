"""What students get: whole, safe to unpack everywhere, the same bytes each time, and no secret."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient.client import NotebookClient

from course.cli import preparing
from course.directory import CONFIG, Course, CourseError
from course.release import generate, leaks, student_zip
from examples import build
from examples.roster import CLASS
from seqlab import verify
from tests.conftest import ASSIGNMENTS, ROOT

pytestmark = pytest.mark.filterwarnings("ignore")  # jupyter's own
FIRST = 4  # cells that a student runs on the first day


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with both releases."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / CONFIG, root)
    for folder in ("source", "release"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "data").symlink_to(ROOT / "data")
    return Course(root)


@pytest.fixture(scope="module")
def packed(course):
    """What students get, by assignment."""
    return {assignment: student_zip.write(course, assignment) for assignment in ASSIGNMENTS}


@pytest.fixture(scope="module", params=ASSIGNMENTS)
def unpacked(request, packed, tmp_path_factory):
    """The folder that a student has after unpacking."""
    folder = tmp_path_factory.mktemp("student") / "Übung 5"
    with zipfile.ZipFile(packed[request.param]) as archive:
        archive.extractall(folder)
    return folder / request.param


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_the_notebook_is_the_release_in_its_place_and_in_reserve(course, unpacked):
    name = unpacked.name
    released = (course.root / "release" / name / f"{name}.ipynb").read_bytes()
    assert (unpacked / f"{name}.ipynb").read_bytes() == released
    assert (unpacked / "seqlab" / "released" / f"{name}.ipynb").read_bytes() == released


def test_only_the_files_that_the_notebook_loads_go_along(unpacked):
    found = {p.relative_to(unpacked / "data").as_posix() for p in (unpacked / "data").rglob("*.*")}
    bard = "problem2_model_parameters"
    expected = {
        "gpt2": {
            "gpt2/mini/config.json",
            "gpt2/mini/model.safetensors",
            f"{bard}/bpe1024.tiktoken",
        },
        "assignment5": {
            *(f"problem1_data/{kind}_model.h5" for kind in ("RNN", "GRU")),
            *(f"problem1_data/{kind}_model.json" for kind in ("RNN", "GRU")),
            "problem1_data/mystery_train.txt",
            "problem1_data/mystery_test.txt",
            f"{bard}/bpe1024.tiktoken",
            f"{bard}/model_weights_D512L4H8.h5",
        },
    }
    assert found == expected[unpacked.name]
    listed = (unpacked / "data" / "SHA256SUMS").read_text().splitlines()
    assert {line.split()[1] for line in listed} == found


LOADERS = {
    "load_corpus": "load_corpus()",
    "load_keras_model": "load_keras_model('RNN'), seqlab.load_keras_model('GRU')",
    "load_tokenizer": "load_tokenizer()",
    "load_transformer_weights": "load_transformer_weights()",
    "get_params": "get_params('mini')",
    "get_encoder": "get_encoder('mini')",
}


def test_every_loader_that_the_notebook_names_finds_its_files(unpacked):
    source = (unpacked / f"{unpacked.name}.ipynb").read_text("utf-8")
    calls = [f"seqlab.{call}" for name, call in LOADERS.items() if name in source]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(["import seqlab", *calls, "print(seqlab.__file__)"])],
        cwd=unpacked,
        env=here(unpacked),
        capture_output=True,
        encoding="utf-8",
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(unpacked.resolve())
    assert len(calls) >= 2


def test_seqlab_lies_beside_the_notebook_with_its_own_pyproject(unpacked):
    pyproject = tomllib.loads((unpacked / "seqlab" / "pyproject.toml").read_text("utf-8"))
    assert pyproject["project"]["name"] == "sequence-models-seqlab"
    files = {path.name for path in (unpacked / "seqlab").iterdir() if path.is_file()}
    ours = {path.name for path in (ROOT / "src" / "seqlab").iterdir() if path.is_file()}
    assert files == ours


def test_the_requirements_are_the_locked_ones_and_name_no_host(unpacked):
    text = (unpacked / "requirements.txt").read_text()
    assert text == (ROOT / "requirements" / "student.txt").read_text()
    assert not re.search(r"https?:|--index|@ ", text)
    assert all("==" in line for line in text.splitlines())


def test_whatever_tells_to_install_installs_from_the_unpacked_folder(unpacked):
    """The repository, which holds the answers, and its files are not there to be installed."""
    pages = [*unpacked.glob("*.md"), *unpacked.glob("*.ipynb")]
    for page in pages:
        targets = re.findall(r"pip install ((?:-\S+ )*)([\w./]+)", page.read_text("utf-8"))
        assert targets, page.name
        for options, target in targets:
            assert options == "-r ", (page.name, options)
            assert (unpacked / target).is_file(), (page.name, target)


def test_the_page_is_one_page_and_names_the_steps(unpacked):
    text = (unpacked / "README.md").read_text("utf-8")
    name = unpacked.name
    for step in (
        "pip install -r requirements.txt",
        f"jupyter lab {name}.ipynb",
        f"python -m seqlab check {name}.ipynb",
        f"python -m seqlab bundle {name}.ipynb",
        f"{Course(ROOT).assignment(name).points:g} points",
    ):
        assert step in text
    assert len(text.splitlines()) < 60
    assert "{" not in text


# Secrets


def secret_lines():
    """Return every line of any master's solutions, hidden tests and model answers."""
    masters = [nbformat.read(Course(ROOT).master(name), as_version=4) for name in ASSIGNMENTS]
    return set().union(*map(leaks.secret_lines, masters))


def leaked(folder, lines):
    """Return the lines that some file holds: as leaks has it, and in raw bytes of any file."""
    telling = {line for line in lines if not student_zip.IDIOM.fullmatch(line)}
    found = leaks.find(telling, folder)
    long = "\n".join(line for line in telling if len(line) >= leaks.LONG)
    raw = subprocess.run(
        ["grep", "-r", "-a", "-o", "-F", "-f", "-", str(folder)],
        input=long.encode(),
        capture_output=True,
        check=False,
    )
    assert raw.returncode in (0, 1), raw.stderr
    return found + raw.stdout.decode().splitlines()


@pytest.fixture
def without_weights(unpacked, tmp_path):
    """The same folder; megabytes of weights are searched as raw bytes alone."""
    shutil.copytree(
        unpacked, tmp_path / "copy", ignore=shutil.ignore_patterns("*.h5", "*.safetensors")
    )
    return tmp_path / "copy"


def test_no_line_of_a_secret_is_in_any_file(unpacked, without_weights):
    lines = secret_lines()
    assert len(lines) > 500
    assert leaked(without_weights, lines) == []
    for weights in (*unpacked.rglob("*.h5"), *unpacked.rglob("*.safetensors")):
        content = weights.read_bytes()
        assert not [line for line in lines if len(line) >= 40 and line.encode() in content]


@pytest.mark.parametrize("unpacked", ["gpt2"], indirect=True)
def test_a_secret_in_any_file_is_found(without_weights):
    lines = secret_lines()
    secret = max(lines, key=len)
    for name in ("seqlab/plots.py", "README.md", "data/SHA256SUMS"):
        path = without_weights / name
        kept = path.read_text("utf-8")
        path.write_text(f"{kept}\n    {secret}\n", "utf-8")
        assert leaked(without_weights, lines)
        path.write_text(kept, "utf-8")
    assert leaked(without_weights, lines) == []


def test_nothing_of_the_staffs_is_in_it(unpacked):
    names = [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")]
    assert not [
        n
        for n in names
        if re.search(
            r"autograder|course|hidden_tests|mistakes|source|solution|examples|minikernel", n
        )
    ]
    for path in unpacked.rglob("*.py"):
        imports = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert not {
            "autograder",
            "course",
            "hidden_tests",
            "minikernel",
            "mistakes",
            "training",
            "examples",
            "nbgrader",
        } & {*imports}


def test_a_zip_with_a_secret_is_refused_and_the_old_one_stays(course, packed, monkeypatch):
    path = packed["gpt2"]
    before = path.read_bytes()
    secret = max(secret_lines(), key=len)
    whole = student_zip._seqlab
    monkeypatch.setattr(student_zip, "_seqlab", lambda: whole() | {"seqlab/x.py": secret.encode()})
    with pytest.raises(CourseError, match=r"not fit to be handed out: seqlab/x.py holds"):
        student_zip.write(course, "gpt2")
    assert path.read_bytes() == before


# The archive


def test_the_same_release_gives_the_same_bytes(course, packed):
    released = course.root / "release" / "gpt2" / "gpt2.ipynb"
    before = packed["gpt2"].read_bytes()
    for path in (course.root / "release").rglob("*"):
        if path != released:
            os.utime(path, (1, 1))
    assert student_zip.write(course, "gpt2").read_bytes() == before


def test_files_carry_the_day_of_the_release_or_the_one_that_is_set(course, packed, monkeypatch):
    released = course.root / "release" / "gpt2" / "gpt2.ipynb"
    stamp = released.stat().st_mtime
    try:
        os.utime(released, (stamp, 1_790_000_000))  # 2026-09-21
        assert dates(student_zip.write(course, "gpt2")) == {(2026, 9, 21, 12, 0, 0)}
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        assert dates(student_zip.write(course, "gpt2")) == {(2023, 11, 14, 12, 0, 0)}
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "5")
        assert dates(student_zip.write(course, "gpt2")) == {(1980, 1, 1, 12, 0, 0)}
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
        with pytest.raises(CourseError, match="SOURCE_DATE_EPOCH=yesterday is not a number"):
            student_zip.write(course, "gpt2")
    finally:
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
        os.utime(released, (stamp, stamp))
        student_zip.write(course, "gpt2")


def dates(path):
    """Return the dates of the files in a zip."""
    with zipfile.ZipFile(path) as archive:
        return {about.date_time for about in archive.infolist()}


def test_names_are_sorted_and_safe_on_every_system(packed):
    for assignment, path in packed.items():
        infos = zipfile.ZipFile(path).infolist()
        names = [info.filename for info in infos]
        assert names == sorted(names)
        assert {info.external_attr >> 16 for info in infos} == {0o644}  # plain files, no links
        assert len({name.casefold() for name in names}) == len(names)
        assert all(name.startswith(f"{assignment}/") and len(name) < 200 for name in names)
        assert not [name for name in names if re.search(r'[<>:"|?*\\]|//|\.\.', name)]


@pytest.mark.parametrize(
    "name",
    ["a:b", "con", "sub/NUL.txt", "a\\b", "a /b", "trailing.", "../up", "/root", "x" * 190, 'q"'],
)
def test_a_name_that_some_system_cannot_unpack_is_refused(name):
    assert list(student_zip.unsafe([name]))


def test_names_that_differ_in_case_alone_are_refused():
    assert list(student_zip.unsafe(["Readme.md", "README.md"]))
    assert not list(student_zip.unsafe(["README.md", "seqlab/console.py", "data/a-b_c.h5"]))


# What is missing


def test_without_a_release_nothing_is_written(tmp_path):
    shutil.copy(ROOT / CONFIG, tmp_path)
    with pytest.raises(CourseError, match="run course release gpt2"):
        student_zip.write(Course(tmp_path), "gpt2")
    assert not (tmp_path / "dist").exists()


def test_a_data_file_that_is_missing_or_changed_is_named(data):
    (data / "gpt2" / "mini" / "config.json").write_text("{}")
    with pytest.raises(CourseError, match=r"config\.json was changed"):
        student_zip.data(data, ["gpt2/mini"])
    shutil.rmtree(data / "gpt2")
    with pytest.raises(CourseError, match=r"no .*gpt2/mini, and assignment.toml asks for it"):
        student_zip.data(data, ["gpt2/mini"])


def test_models_that_were_fetched_stay_on_this_machine(data):
    (data / "gpt2" / "124M").mkdir()
    (data / "gpt2" / "124M" / "model.safetensors").write_bytes(b"half a gigabyte")
    assert not [name for name in student_zip.data(data, ["gpt2"]) if "124M" in name]


def test_an_assignment_without_data_still_verifies(data, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for name, content in student_zip.data(data, []).items():
        (tmp_path / "empty" / Path(name).name).write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "empty"))
    lines = []
    assert verify.verify(lines.append)
    assert "0 files unchanged" in lines[0]


def test_the_command_writes_it_after_the_release(course, monkeypatch):
    done = []
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(generate, "release", lambda course, name, **_: done.append("release"))
    monkeypatch.setattr(student_zip, "write", lambda course, name: done.append("zip"))
    preparing.release("gpt2")
    assert done == ["release", "zip"]


# Used as a student uses it


def here(folder):
    """Return an environment in which nothing but the unpacked folder leads to seqlab."""
    return {k: v for k, v in os.environ.items() if k != "COURSE_DATA"} | {"PYTHONPATH": str(folder)}


def seqlab(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "seqlab", *arguments],
        cwd=folder,
        env=here(folder),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )


def test_the_unpacked_folder_verifies(unpacked):
    done = seqlab(unpacked, "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "files unchanged" in done.stdout
    assert "not part of this folder" in done.stdout


@pytest.mark.slow
def test_the_first_cells_run_in_the_unpacked_folder(unpacked):
    path = unpacked / f"{unpacked.name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    imports = {
        line.strip()
        for cell in code
        for line in cell.source.splitlines()
        if re.match(r"\s*(from|import) ", line)
    }
    asked = nbformat.v4.new_code_cell(
        "\n".join([*sorted(imports), "import seqlab", "seqlab.__file__"])
    )
    given = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("locked")]
    first = [cell for cell in given if not cell.metadata.nbgrader.grade][:FIRST]
    notebook.cells = [
        asked,
        *(cell for cell in first if "demo" not in cell.metadata.get("tags", [])),
    ]
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(unpacked)}})
    with client.setup_kernel(env=here(unpacked), stderr=subprocess.DEVNULL):
        for i, cell in enumerate(notebook.cells):
            client.execute_cell(cell, i)
    shown = asked.outputs[-1].data["text/plain"].strip("'")
    assert Path(shown).is_relative_to(unpacked.resolve())


@pytest.mark.slow
def test_the_blank_notebook_is_checked_and_a_solved_one_passes(unpacked):
    name = unpacked.name
    path = unpacked / f"{name}.ipynb"
    blank = path.read_bytes()
    done = seqlab(unpacked, "check", path.name)
    assert done.returncode == 1
    cells = nbformat.reads(blank.decode(), as_version=4).cells
    wanted = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
    assert done.stdout.count("missing  ") == len(wanted) > 10
    assert "fails  " not in done.stdout
    assert "is not beside it" not in done.stdout  # the original does
    try:
        path.write_text(solved(name), "utf-8")
        done = seqlab(unpacked, "check", path.name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^(\d+) of \1 visible tests pass$", done.stdout, re.MULTILINE)
        for heading in ("Problem 1.2", "Section 1.2: Attention"):
            assert re.search(rf"{heading}.*points\*\)", done.stdout) or heading not in done.stdout
        assert not (unpacked / "template.py").exists()
        assert not (unpacked / "2_4.txt").exists()
    finally:
        path.write_bytes(blank)


def solved(name):
    """Return the notebook of an example student who did everything."""
    student = next(student for student in CLASS[name] if student.name == "answers")
    master = nbformat.read(Course(ROOT).master(name), as_version=4)
    given = nbformat.read(ROOT / "release" / name / f"{name}.ipynb", as_version=4)
    return nbformat.writes(build.submission(given, master, student))


def test_the_archive_is_a_whole_zip_file(packed):
    for path in packed.values():
        assert zipfile.ZipFile(io.BytesIO(path.read_bytes())).testzip() is None
        notebooks = [raw for name, raw in members(path).items() if name.endswith(".ipynb")]
        assert [json.loads(raw)["nbformat"] for raw in notebooks] == [4, 4]
