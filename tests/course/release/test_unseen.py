"""What lies in a release without being shown in it: attachments, archives, files of staff's."""

import base64
import gzip
import io
import json
import tarfile
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.release import leaks, released_text, unseen

SECRET = "Because the largest of them becomes one."
LINES = {SECRET}
PICTURE = b"\x89PNG\r\nof a model answer"
FLAGS = {"nbgrader": {"grade_id": "answer", "solution": True, "grade": True}}
SHOWN = "![](attachment:a.png)\n![](beside.png)"
SCHEME = f"Why?\n=== BEGIN MARK SCHEME ===\n{SHOWN}\n=== END MARK SCHEME ==="


def coded(content):
    return base64.b64encode(content).decode()


def notebook(source, **attachments):
    cell = new_markdown_cell(source, id="answer", metadata=FLAGS)
    if attachments:
        pictures = {n.replace("_", "."): {"image/png": coded(c)} for n, c in attachments.items()}
        cell["attachments"] = pictures
    return new_notebook(cells=[cell])


def zipped(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(mode):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(SECRET)
        archive.addfile(member, io.BytesIO(SECRET.encode()))
    return file.getvalue()


def as_notebook(**fields):
    return json.dumps(new_notebook(**fields)).encode()


HIDING = {  # a file of a release that holds a secret line
    "a.txt": SECRET.encode(),
    "utf-16.txt": SECRET.encode("utf-16"),
    "a.zip": zipped(**{"a.txt": SECRET}),
    "a.docx": zipped(**{"word/document.xml": f"<w>{SECRET.replace(' ', '</w> <w>')}</w>"}),
    "zip-in-zip.bin": zipped(inner=zipped(**{"a.md": f"x\n{SECRET}\n"})),
    "notebook-in.zip": zipped(**{"a.ipynb": as_notebook(cells=[new_code_cell(f"# {SECRET}")])}),
    "a.gz": gzip.compress(SECRET.encode()),
    "a.tar": tarred("w"),
    "a.tar.gz": tarred("w:gz"),
    "a.html": f"<p>{SECRET.replace(' ', '</span> <span>')}</p>".encode(),
    "picture-with-text.png": b"\x89PNG\r\ntEXt" + SECRET.encode(),
    "attached.ipynb": as_notebook(
        cells=[
            new_markdown_cell(
                "attachment:a.txt", attachments={"a.txt": {"text/plain": coded(SECRET.encode())}}
            )
        ]
    ),
    "data-url.ipynb": as_notebook(
        cells=[new_markdown_cell(f"[x](data:text/plain;base64,{coded(SECRET.encode())})")]
    ),
    "metadata.ipynb": as_notebook(metadata={"model": {"answer": [SECRET]}}),
    "key.ipynb": as_notebook(metadata={SECRET: 1}),
    "cell-metadata.ipynb": as_notebook(cells=[new_markdown_cell("", metadata={"a": [[SECRET]]})]),
    "output.ipynb": as_notebook(
        cells=[
            new_code_cell(
                "", outputs=[{"output_type": "stream", "name": "stdout", "text": f"{SECRET}\n"}]
            )
        ]
    ),
    "no-notebook.ipynb": f"{{{SECRET}".encode(),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_secret_is_found_in_whatever_holds_it(tmp_path, name):
    (tmp_path / name).write_bytes(HIDING[name])
    assert leaks.find(LINES, tmp_path) == [f"{name} holds {SECRET!r}"]


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", b"\x1f\x8bbroken", b"", b"\xff\xfeodd"])
def test_a_broken_archive_is_read_as_it_is(content):
    assert len(list(released_text.texts("a.zip", content))) == 1


@pytest.fixture
def folders(tmp_path):
    for name in ("source", "built"):
        (tmp_path / name).mkdir()
    return tmp_path / "source", tmp_path / "built"


def complaints(folders, master, released):
    nbformat.write(released, folders[1] / "a.ipynb")
    return list(unseen.find(master, *folders))


MASTER = notebook(SCHEME, a_png=PICTURE)


def test_the_attachments_of_a_mark_scheme_go_with_it_and_those_of_the_question_stay():
    released = notebook("Why? ![](attachment:b.png)", a_png=PICTURE, b_png=b"\x89PNG")
    unseen.drop_attachments(released)
    assert list(released.cells[0].attachments) == ["b.png"]
    released = notebook("Why?", a_png=PICTURE)
    unseen.drop_attachments(released)
    assert "attachments" not in released.cells[0]


def test_an_attachment_that_no_text_shows_is_refused(folders):
    assert complaints(folders, MASTER, notebook("Why?")) == []
    (said,) = complaints(folders, notebook("Why?"), notebook("Why?", a_png=PICTURE))
    assert said == "a.ipynb holds the attachment a.png of answer, and no text shows it"


def test_an_attachment_of_a_mark_scheme_is_refused_under_another_name(folders):
    released = notebook("![](attachment:b.png)", b_png=PICTURE)
    assert complaints(folders, MASTER, released) == ["a.ipynb shows b.png, which is for staff"]
    (folders[1] / "c.png").write_bytes(PICTURE)
    assert "c.png is a.png, which the release does not show" in complaints(
        folders, MASTER, notebook("Why?")
    )


def test_a_file_that_only_a_mark_scheme_or_a_hidden_test_names_is_refused(folders):
    test = "check()\n### BEGIN HIDDEN TESTS\nload('right.csv')\n### END HIDDEN TESTS"
    master = notebook(SCHEME)
    master.cells.append(new_code_cell(test))
    for folder in folders:
        (folder / "beside.png").write_bytes(b"picture")
        (folder / "right.csv").write_bytes(b"1,2")
        (folder / "given.csv").write_bytes(b"3,4")
    assert complaints(folders, master, notebook("Why?")) == [
        "beside.png is beside.png, which the release does not show",
        "right.csv is right.csv, which the release does not show",
    ]
    shown = notebook("Why? ![](beside.png) Compare with right.csv.")
    assert complaints(folders, master, shown) == []


def test_a_picture_that_the_question_shows_too_is_released(folders):
    released = notebook("Why? ![](attachment:a.png)", a_png=PICTURE)
    assert complaints(folders, MASTER, released) == []
