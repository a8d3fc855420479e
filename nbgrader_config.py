"""The course as nbgrader sees it: every nbgrader command, formgrader's too, starts from here."""

from pathlib import Path

from autograder import assignment
from course.directory import STAFF_FILES

c = get_config()  # noqa: F821  (nbgrader puts it there)

c.CourseDirectory.course_id = "sequence-models"
# What lies beside a master and goes to nobody: its settings, its catalogue of mistakes, and the
# files that the master writes when it is run in place, which hold solutions.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints",
    "*.pyc",
    "__pycache__",
    *STAFF_FILES,
    *assignment.written_files(Path(__file__).parent / "source"),
]

# A released function must still be Python, so that a student can run cells that come after it.
c.ClearSolutions.code_stub = {"python": "# your code here"}
c.ClearSolutions.text_stub = "*Your answer here.*"
# Model answers and rubrics stand in the answer's own cell, between BEGIN and END MARK SCHEME.
c.ClearMarkScheme.enforce_metadata = False

# A warning on stderr would score 0: numpy's honest ones must not cost marks.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"(?s).*"

# How a submission is graded; all settings: autograder/policy.py.
c.Policy.cell_seconds = 180
c.Policy.call_seconds = 60

# Lateness costs nothing, unless these lines are let in (docs/report.md); due dates: formgrader.
# c.AssignLatePenalties.plugin_class = "course.run.lateness.Lateness"
# c.Lateness.percent = 10  # of the achieved score, for every day begun
# c.Lateness.grace_minutes = 15
# c.Lateness.cap_percent = 50
# c.Lateness.nothing_after_days = 7
# c.Lateness.extensions_csv = "extensions.csv"  # student, assignment, hours

# On a hub (docs/hub.md), formgrader's Collect believes a folder's owner and not its name, and one
# page that cannot be released stops no other. Where the exchange lies: c.Exchange.root.
c.ExchangeFactory.collect = "course.exchange.nbgrader_exchange.CollectOwned"
c.ExchangeFactory.release_feedback = "course.exchange.nbgrader_exchange.ReleaseEachFeedback"

# Marks come with a status, and what was not graded has none.
c.ExportApp.plugin_class = "course.run.nbgrader_plugin.StatusCsv"

from course.formgrader import marking  # noqa: E402
from course.report import audit  # noqa: E402
from course.run import nbgrader_plugin  # noqa: E402

# `nbgrader autograde` and formgrader's button grade as `course autograde` does: in two kernels, a
# student's cells in a sandbox, the tests outside it (docs/security.md).
nbgrader_plugin.install()

# Formgrader's pages show what students wrote and run nothing of it. Beside a written answer stands
# the master's mark scheme, for staff alone (docs/ta.md).
c.TemplateExporter.filters = {
    "markdown2html": "course.formgrader.marking.markdown_to_html",
    "highlight_code": "course.formgrader.marking.code_to_html",
}
c.HTMLExporter.preprocessors = ["course.formgrader.marking.MarkSchemes"]
c.HTMLExporter.optimistic_validation = True  # once, not after every preprocessor
c.HTMLExporter.template_name = "marking"
c.HTMLExporter.extra_template_basedirs = marking.template_folders()
c.HTMLExporter.extra_template_paths = marking.template_folders()
marking.read_together()

# Every change of a mark is written down, whoever makes it: course audit shows it.
audit.watch()

# The page of feedback. Hints for tests that failed in the part that students have, and in their
# hidden part: "off", "mild" or "full". What else may be set: course/feedback/exporter.py.
c.GenerateFeedback.exporter_class = "course.feedback.FeedbackPage"
c.GenerateFeedback.preprocessors = []
c.FeedbackPage.visible_hints = "mild"
c.FeedbackPage.hidden_hints = "full"
