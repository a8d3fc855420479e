"""What this project uses of nbgrader, nbconvert and nbformat that they do not document.

A new version of theirs may change these parts without notice. ``missing`` says which are gone; a
scheduled job asks it with the newest versions (.github/workflows).
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

# By dotted name: why it is used. Imports of what is not documented must be listed here.
INTERNALS = {
    "nbgrader.apps.autogradeapp.Autograde": "what `nbgrader autograde` runs; ours takes its place",
    "nbgrader.apps.api.Autograde": "what formgrader's button runs; ours takes its place",
    "nbgrader.apps.generatefeedbackapp.GenerateFeedback": "what `nbgrader generate_feedback` runs",
    "nbgrader.apps.api.GenerateFeedback": "what formgrader's button for feedback runs",
    "nbgrader.converters.GenerateFeedback.init_assignment": "replaced: it copies students' files",
    "nbgrader.apps.api.NbGraderAPI.get_autograded_students": "asked what the gradebook holds, too",
    "nbgrader.api.Grade.auto_score": "a change of it is written down (course.report.audit)",
    "nbgrader.api.Grade.extra_credit": "likewise",
    "nbgrader.api.Grade.manual_score": "likewise",
    "nbgrader.api.SubmittedNotebook.late_submission_penalty": "likewise",
    "nbgrader.api.SubmittedNotebook.assignment": "read together with its student, for formgrader",
    "nbgrader.api.SubmittedAssignment.student": "likewise",
    "nbgrader.converters.Autograde": "the class that ours extends",
    "nbgrader.converters.Autograde.create_student": "what --create sets",
    "nbgrader.converters.GenerateFeedback": "extended to write the pages of chosen students",
    "nbgrader.converters.NbGraderException": "what nbgrader's commands expect of a converter",
    "nbgrader.converters.BaseConverter._format_source": "which folder is a student's",
    "nbgrader.converters.BaseConverter.convert_notebooks": "extended to write pages",
    "nbgrader.converters.BaseConverter.force": "what --force sets",
    "nbgrader.converters.BaseConverter.init_destination": "extended to say whose turn it is",
    "nbgrader.converters.BaseConverter.init_notebooks": "extended to choose students",
    "nbgrader.converters.BaseConverter.post_convert_hook": "refused: it would not be run",
    "nbgrader.converters.BaseConverter.pre_convert_hook": "refused: it would not be run",
    "nbgrader.converters.BaseConverter.start": "replaced by the grading of a batch",
    "nbgrader.coursedir.CourseDirectory": "made with a copy's database and folders",
    "nbgrader.coursedir.CourseDirectory.student_id_exclude": "respected when a batch is graded",
    "nbgrader.preprocessors.AssignLatePenalties": "knows the plugin that the course has chosen",
    "nbgrader.preprocessors.AssignLatePenalties.init_plugin": "makes the plugin that takes off",
    "nbgrader.preprocessors.IgnorePattern": "applied to a graded notebook",
    "nbgrader.preprocessors.LimitOutput": "applied to a graded notebook",
    "nbgrader.utils.compute_checksum": "tells an answer that is as it was released",
    "nbgrader.utils.determine_grade": "the points of a test, from its outputs",
    "nbgrader.utils.find_all_files": "what lies beside a master and is not ignored",
    "nbgrader.utils.is_task": "such a cell has no answer of its own",
    "nbgrader.server_extensions.formgrader.base.BaseHandler.prepare": "told who asks, on a hub",
    "nbgrader.exchange.default.ExchangeCollect": "what formgrader's Collect runs; ours extends it",
    "nbgrader.exchange.default.ExchangeCollect.copy_files": "replaced: it believes forged names",
    "nbgrader.exchange.default.ExchangeReleaseFeedback": "extended likewise",
    "nbgrader.exchange.default.ExchangeReleaseFeedback.copy_files": "replaced: one file stopped it",
    "nbgrader.exchange.default.Exchange": "where an exchange lies if nothing is set",
    "nbgrader.exchange.ExchangeError": "what nbgrader's commands expect of an exchange",
    "nbgrader.utils.notebook_hash": "what a student's released page is called",
    "nbgrader.apps.api.NbGraderAPI.get_submitted_students": "less what cannot be a name",
    "nbgrader.apps.api.NbGraderAPI.get_submitted_timestamp": "replaced: one file broke the list",
    "nbgrader.utils.temp_attrs": "sets an assignment while pages are written",
    "nbconvert.filters.markdown_mistune.IPythonRenderer": "extended: formulas become MathML",
    "nbconvert.filters.markdown_mistune.MarkdownWithMath": "extended: formulas become MathML",
    "nbconvert.filters.ansi.strip_ansi": "plain text of coloured errors",
    "nbconvert.preprocessors.sanitize.SanitizeHTML": "what of HTML is harmless",
    "nbformat.v4.rwbase.rejoin_lines": "sources that are lists of lines",
    "nbformat.validator.get_validator": "the fast validator: nbformat's own looks for best words",
}
FORMGRADER = "nbgrader.server_extensions.formgrader.base"
EXTENSIONS = ("assignment_list", "course_list", "formgrader", "validate_assignment")
FORMGRADE = "server_extensions/formgrader/templates/formgrade/index.html.j2"


def leave_out_extensions() -> None:
    """Let ``import nbgrader`` load none of its extensions of Jupyter's server.

    They take as long as all the rest of it, and serve nobody in a command.
    """
    for name in EXTENSIONS:
        empty = ModuleType(f"nbgrader.server_extensions.{name}")
        empty.__dict__["load_jupyter_server_extension"] = None
        sys.modules.setdefault(empty.__name__, empty)


def missing() -> list[str]:
    """Return the parts that the installed versions do not have."""
    gone = [name for name in INTERNALS if resolve(name) is None]
    return gone if (templates() / "formgrade" / "index.html.j2").is_file() else [*gone, FORMGRADE]


def resolve(name: str) -> Any:
    """Return what a dotted name stands for, or None.

    >>> resolve("nbgrader.utils.is_task").__name__
    'is_task'
    """
    module, parts = name, list[str]()
    while module:
        try:
            value: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            module, _, part = module.rpartition(".")
            parts.insert(0, part)
            continue
        for part in parts:
            value = getattr(value, part, None)
        return value
    return None


def replace_autograde(converter: type) -> None:
    """Let nbgrader's commands and its API autograde with another converter."""
    from nbgrader.apps import api, autogradeapp

    autogradeapp.Autograde = api.Autograde = converter


def replace_feedback(converter: type) -> None:
    """Let nbgrader's commands and its API write feedback with another converter."""
    from nbgrader.apps import api, generatefeedbackapp

    generatefeedbackapp.GenerateFeedback = api.GenerateFeedback = converter


def leave_out_students(is_name: Callable[[str], bool]) -> None:
    """Let formgrader's lists leave out folders whose names cannot be shown."""
    from nbgrader.apps import api

    listed = api.NbGraderAPI.get_submitted_students

    def submitted_students(self: Any, assignment_id: str) -> set[str]:
        return {name for name in listed(self, assignment_id) if is_name(name)}

    if listed.__name__ != submitted_students.__name__:
        api.NbGraderAPI.get_submitted_students = submitted_students


def restrict_autograded(held: Callable[[Any, str, set[str]], set[str]]) -> None:
    """Let formgrader's list take for autograded only whom ``held`` leaves.

    Args:
        held: is given nbgrader's CourseDirectory, an assignment and students; returns some of them
    """
    from nbgrader.apps import api

    original = getattr(api.NbGraderAPI, "_all_autograded", api.NbGraderAPI.get_autograded_students)

    def autograded_students(self: Any, assignment_id: str) -> set[str]:
        return held(self.coursedir, assignment_id, original(self, assignment_id))

    api.NbGraderAPI._all_autograded = original
    api.NbGraderAPI.get_autograded_students = autograded_students


def replace_submitted_time(read: Callable[[bytes], datetime]) -> None:
    """Let formgrader's list read timestamp.txt with ``read``, and go on where it raises."""
    from nbgrader.apps import api

    def submitted_time(self: Any, assignment_id: str, student_id: str) -> datetime | None:
        about = self.coursedir
        folder = about.format_path(about.submitted_directory, student_id, assignment_id)
        try:
            return read((Path(folder) / "timestamp.txt").read_bytes())
        except (OSError, ValueError):
            return None

    api.NbGraderAPI.get_submitted_timestamp = submitted_time


def tell_who_asks(tell: Callable[[str], object]) -> None:
    """Let formgrader call ``tell`` with the hub's name of whoever sent a request, then answer it.

    Nothing happens in a process that is no server; without a hub, nobody has such a name.
    """
    base = sys.modules.get(FORMGRADER)
    if base is None:
        return
    original = getattr(base.BaseHandler, "_prepare_alone", base.BaseHandler.prepare)

    async def prepare(self: Any, *arguments: Any, **options: Any) -> Any:
        prepared = original(self, *arguments, **options)
        result = await prepared if inspect.isawaitable(prepared) else prepared
        about = getattr(self.current_user, "hub_user", None) or {}
        tell(str(about.get("name", "")))
        return result

    base.BaseHandler._prepare_alone = original
    base.BaseHandler.prepare = prepare


def templates() -> Path:
    """Return the folder of formgrader's templates, one of which ours extends."""
    import nbgrader

    return Path(nbgrader.__file__).parent / Path(FORMGRADE).parents[1]
