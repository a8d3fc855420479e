import nbformat
import pytest

from course.release import leaks

MASTER = nbformat.v4.new_notebook(
    cells=[
        nbformat.v4.new_code_cell(
            "def scale(x):\n    ### BEGIN SOLUTION\n    largest = x.max(initial=1)\n"
            "    return x / largest\n    ### END SOLUTION\n    return y"
        ),
        nbformat.v4.new_code_cell(
            "assert scale(ones) is not None\n### BEGIN HIDDEN TESTS\n"
            'assert scale(twos)[0] == 1, "not \\"scaled\\""\nassert scale(ones) is not None\n'
            "### END HIDDEN TESTS"
        ),
        nbformat.v4.new_markdown_cell(
            "Why?\n=== BEGIN MARK SCHEME ===\nBecause the largest becomes one.\n"
            "=== END MARK SCHEME ==="
        ),
    ]
)


def test_secret_lines_are_those_that_stand_in_a_region_only():
    assert leaks.secret_lines(MASTER) == {
        "largest = x.max(initial=1)",
        "return x / largest",
        'assert scale(twos)[0] == 1, "not \\"scaled\\""',
        "Because the largest becomes one.",
    }


def released(tmp_path, *lines):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(lines))])
    nbformat.write(notebook, tmp_path / "release.ipynb")
    return leaks.find(leaks.secret_lines(MASTER), tmp_path)


def test_a_clean_release_has_no_leaks(tmp_path):
    assert released(tmp_path, "def scale(x):", "    # your code here", "    return y") == []


@pytest.mark.parametrize("line", sorted(leaks.secret_lines(MASTER)))
def test_each_secret_line_is_found_wherever_it_is_indented(tmp_path, line):
    (complaint,) = released(tmp_path, "if True:", "        " + line)
    assert complaint == f"release.ipynb holds {line!r}"


def test_a_long_secret_is_found_inside_another_line(tmp_path):
    assert released(tmp_path, "print('Because the largest becomes one.')")


def test_references_are_as_secret_as_the_hidden_tests_that_import_them(tmp_path):
    line = max(leaks.reference_lines(), key=len)
    using = nbformat.v4.new_code_cell(
        "### BEGIN HIDDEN TESTS\nfrom hidden_tests import assignment5\n### END HIDDEN TESTS"
    )
    master = nbformat.v4.new_notebook(cells=[using])
    assert line in leaks.secret_lines(master)
    assert line not in leaks.secret_lines(master, ["SOLUTION"])
    assert line not in leaks.secret_lines(MASTER)
    (tmp_path / "note.md").write_text(f"    {line}")
    assert leaks.find(leaks.secret_lines(master), tmp_path) == [f"note.md holds {line!r}"]


def test_a_short_secret_counts_only_as_a_whole_line(tmp_path):
    assert released(tmp_path, "return x / largest_of_all") == []


def test_a_mark_of_a_region_is_a_leak(tmp_path):
    assert released(tmp_path, "### BEGIN HIDDEN TESTS")


def test_other_files_are_searched_too(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x\nlargest = x.max(initial=1)\n")
    (complaint,) = leaks.find(leaks.secret_lines(MASTER), tmp_path)
    assert complaint.startswith("notes/a.txt holds")
