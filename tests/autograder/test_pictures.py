"""Which pictures of a written answer are taken, from where, and how they are shown."""

import base64
import io

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from autograder.status import Reasons
from autograder.submission import pictures
from course.feedback import markup

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def drawn(kind="PNG", size=(3, 2)):
    """A picture, as bytes."""
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind)
    return file.getvalue()


PNG = drawn()
LONG = Image.new("1", (9000, 7000))


def large():
    """A picture of few bytes and many pixels."""
    file = io.BytesIO()
    LONG.save(file, "PNG")
    return file.getvalue()


def coded(content):
    return base64.b64encode(content).decode()


def attached(text, **contents):
    """A cell with attachments, whose MIME type says PNG whatever they are."""
    bundles = {name.replace("_", "."): {"image/png": coded(c)} for name, c in contents.items()}
    return new_markdown_cell(text, id="answer", attachments=bundles)


def taken(cell, **files):
    """What is attached to a cell when its pictures are taken, and what is said of others."""
    reasons = Reasons()
    beside = {name.replace("_", "."): content for name, content in files.items()}
    pictures.take(new_notebook(cells=[cell]), beside, reasons)
    return cell.get("attachments", {}), reasons.lines()


def shown(cell):
    return str(markup.markdown(cell.source, attachments=cell.get("attachments", {})))


TAKEN = {  # a cell, and what lies beside it
    "an attachment": (attached("![loss](attachment:a.png)", a_png=PNG), {}),
    "an attachment's tag": (attached("<img src='attachment:a.png' width=9>", a_png=PNG), {}),
    "a tag in a line": (attached('See <img src="attachment:a.png"/> here', a_png=PNG), {}),
    "a centred tag": (
        attached('<p align="center"><img src="attachment:a.png"></p>', a_png=PNG),
        {},
    ),
    "a name with a space": (
        new_markdown_cell(
            "![](attachment:my%20shot.png)", attachments={"my shot.png": {"image/png": coded(PNG)}}
        ),
        {},
    ),
    "a JPEG that is called a PNG": (attached("![](attachment:a.png)", a_png=drawn("JPEG")), {}),
    "a data URL": (new_markdown_cell(f"![x](data:image/png;base64,{coded(PNG)})"), {}),
    "a data URL in a tag": (
        new_markdown_cell(f'<img src="data:image/gif;base64,{coded(PNG)}">'),
        {},
    ),
    "a file": (new_markdown_cell("![x](a.png)"), {"a_png": PNG}),
    "a file, from here": (new_markdown_cell("![x](./a.png)"), {"a_png": PNG}),
    "a file in a folder": (new_markdown_cell("![x](plots/a.gif)"), {"plots/a_gif": drawn("GIF")}),
    "a file with capitals": (new_markdown_cell("![x](A.JPG)"), {"A_JPG": drawn("JPEG")}),
    "a file with a space": (new_markdown_cell("![x](<my shot.png>)"), {"my shot_png": PNG}),
    "a file's tag": (new_markdown_cell("<img src=a.png>"), {"a_png": PNG}),
    "by reference": (new_markdown_cell("![x][1]\n\n[1]: a.png"), {"a_png": PNG}),
    "in a table": (new_markdown_cell("| a |\n|---|\n| ![x](a.png) |"), {"a_png": PNG}),
}
LEFT_OUT = {
    "SVG": (attached("![x](attachment:a.png)", a_png=SVG), {}, "no PNG, JPEG or GIF"),
    "SVG beside": (new_markdown_cell("![x](a.svg)"), {"a_svg": SVG}, "no PNG, JPEG or GIF"),
    "SVG in a data URL": (
        new_markdown_cell(f"![x](data:image/svg+xml;base64,{coded(SVG)})"),
        {},
        "no PNG, JPEG or GIF",
    ),
    "HTML": (attached("![x](attachment:a.png)", a_png=b"<script>"), {}, "no PNG"),
    "half a header": (attached("![x](attachment:a.png)", a_png=PNG[:20]), {}, "no PNG"),
    "nothing": (attached("![x](attachment:a.png)", a_png=b""), {}, "no PNG"),
    "WebP": (new_markdown_cell("![x](a.webp)"), {"a_webp": drawn("WEBP")}, "no PNG"),
    "BMP called PNG": (new_markdown_cell("![x](a.png)"), {"a_png": drawn("BMP")}, "no PNG"),
    "many pixels": (new_markdown_cell("![x](a.png)"), {"a_png": large()}, "60 million pixels"),
    "many bytes": (
        new_markdown_cell("![x](a.png)"),
        {"a_png": PNG + bytes(pictures.LARGEST)},
        "more than 8 MB",
    ),
    "no base64": (
        new_markdown_cell("![x](attachment:a.png)", attachments={"a.png": {"image/png": "é"}}),
        {},
        "no PNG",
    ),
    "another type": (
        new_markdown_cell("![x](attachment:a.txt)", attachments={"a.txt": {"text/html": "QUJD"}}),
        {},
        "no PNG",
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_attached_and_shown(name):
    cell, files = TAKEN[name]
    attachments, said = taken(cell, **files)
    (content,) = attachments.values()
    ((kind, _),) = content.items()
    assert said == ()
    assert f'<img src="data:{kind};base64,{content[kind]}"' in shown(cell)
    assert "[picture" not in shown(cell)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_no_picture_is_left_out_and_named(name):
    cell, files, why = LEFT_OUT[name]
    attachments, said = taken(cell, **files)
    assert attachments == {}
    assert len(said) == 1
    assert why in said[0]
    assert "[picture: x]" in shown(cell)
    assert "<img" not in shown(cell)


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://elsewhere.org/a.png)",
        '<img src="http://elsewhere.org/a.png" alt="x">',
        "![x](//elsewhere.org/a.png)",
        "![x](../a.png)",
        "![x](/etc/a.png)",
        "![x](file:///a.png)",
        "![x](attachment:b.png)",
        "<img src=x onerror=alert(1) alt=x>",
    ],
)
def test_no_picture_is_loaded_from_anywhere_else(text):
    cell = attached(text, a_png=PNG)
    taken(cell)
    page = shown(cell)
    assert "[picture: x]" in page
    assert "<img" not in page
    assert "onerror" not in page


@pytest.mark.parametrize(
    "text",
    [
        '<a title="<img src=attachment:a.png>">x</a>',
        '<p title="\n<img src=attachment:a.png>\n">x</p>',
        "<!-- <img src=attachment:a.png> -->",
        '<img alt="\\"><script>alert(1)</script>" src=attachment:a.png>',
        "<img alt='\"onload=\"alert(1)' src=attachment:a.png>",
        '!["><script>alert(1)</script>](attachment:a.png)',
        "\ue0000\ue001 ![x](attachment:a.png)",
    ],
)
def test_no_text_around_a_picture_becomes_an_attribute_or_a_script(text):
    cell = attached(text, a_png=PNG)
    taken(cell)
    page = BeautifulSoup(shown(cell), "html.parser")
    tags = [tag for tag in page.find_all(True) if set(tag.attrs) - {"src", "alt", "title"}]
    assert tags == []
    assert page.find("script") is None
    assert all(tag["src"].startswith("data:image/png;") for tag in page.find_all("img"))


def test_pictures_of_a_submission_are_bounded_together():
    names = [f"a{n}_png" for n in range(pictures.MOST + 5)]
    text = " ".join(f"![x]({name.replace('_', '.')})" for name in names)
    attachments, said = taken(new_markdown_cell(text, id="c"), **dict.fromkeys(names, PNG))
    assert len(attachments) == pictures.MOST
    assert said[0].startswith("left out what comes after 20 pictures or 16 MB of them: ")
    heavy = dict.fromkeys(names[:5], PNG + bytes(5_000_000))
    attachments, said = taken(new_markdown_cell(text, id="c"), **heavy)
    assert len(attachments) == 3
    assert len(said) == 1


def test_what_no_text_shows_is_not_kept():
    cell = attached("no picture", a_png=PNG, b_png=SVG)
    assert taken(cell, c_png=PNG) == ({}, ())


def test_the_courses_own_pictures_stay_and_code_has_none():
    own = attached("![x](attachment:a.png)", a_png=SVG)
    own.metadata["nbgrader"] = {"locked": True}
    assert taken(own) == (own.attachments, ())
    assert taken(new_code_cell("# a.png"), a_png=PNG) == ({}, ())


@pytest.mark.parametrize(
    "text",
    ["data:image/png;base64,", "![x](data:image/png;base64,AAAA)", "<img src=", "<img <", '<a "<'],
)
def test_the_work_grows_with_the_text(text):
    cell = new_markdown_cell(text * 20_000)  # what is quadratic would take hours
    pictures.take(new_notebook(cells=[cell]), {}, Reasons())
    markup._Renderer({}).inline_html(cell.source)
