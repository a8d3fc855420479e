"""The course as nbgrader sees it: every nbgrader command, formgrader's too, starts from here."""

c = get_config()  # noqa: F821  (nbgrader puts it there)

c.CourseDirectory.course_id = "sequence-models"
# The last two are what the gpt2 notebook writes for Gradescope: run in place, the master would put
# its solutions into a release.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints", "*.pyc", "__pycache__", "template.py", "2_4.txt",
]  # fmt: skip

# A released function must still be Python, so that a student can run cells that come after it.
c.ClearSolutions.code_stub = {"python": "# your code here"}
c.ClearSolutions.text_stub = "*Your answer here.*"
# Model answers and rubrics stand in the answer's own cell, between BEGIN and END MARK SCHEME.
c.ClearMarkScheme.enforce_metadata = False

# A warning on stderr would score 0: numpy's honest ones must not cost marks.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"(?s).*"

# Demonstrations (long texts, pictures) take most of the time and decide no mark.
c.NotebookClient.skip_cells_with_tag = "demo"

c.ExecutePreprocessor.timeout = 180  # seconds a cell
c.ExecutePreprocessor.interrupt_on_timeout = True  # the cell is lost, the notebook goes on
