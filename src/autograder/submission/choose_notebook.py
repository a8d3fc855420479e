"""Choose the notebook to grade among the files of a submission."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.submission.reasons import Unreadable, one_line

OTHER_SUFFIXES = (".json", ".txt")  # that programs add to .ipynb, or put in its place
NOT_WORK = ("timestamp.txt",)  # nbgrader's own
NAMED = 5  # files that a reason lists


@dataclass(frozen=True)
class NotebookChoice:
    """The notebook that is graded, and the others that are not."""

    name: str
    expected: str
    ignored: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Return what is worth saying about the choice, or ""."""
        parts = []
        if self.name != self.expected:
            parts.append(f"took {one_line(self.name)} for {self.expected}")
        if self.ignored:
            parts.append(f"ignored {_listed(self.ignored)}")
        return " and ".join(parts)


def choose_notebook(names: Iterable[str], expected: str) -> NotebookChoice:
    """Choose the notebook that was asked for, or the only one that can be meant.

    >>> choose_notebook(["notes.ipynb", "gpt2 (1).ipynb"], "gpt2.ipynb").reason
    'took gpt2 (1).ipynb for gpt2.ipynb and ignored notes.ipynb'

    Raises:
        Unreadable: there is no notebook, or several could be meant.
    """
    names = list(dict.fromkeys(names))
    notebooks = [name for name in names if _is_notebook(name)]
    notebooks = notebooks or [name for name in names if _is_renamed(name, expected)]
    if not notebooks:
        raise Unreadable(_none_there(names, expected))
    wanted = expected.removesuffix(".ipynb")
    for is_alike in (_is_equal, _is_simply_equal, _is_somewhere_in):
        alike = [name for name in notebooks if is_alike(PurePosixPath(name).stem, wanted)]
        if len(alike) > 1:
            raise Unreadable(f"it is not clear which notebook is meant: {_listed(alike)}")
        if alike or len(notebooks) == 1:
            (name,) = alike or notebooks
            others = tuple(other for other in notebooks if other != name)
            return NotebookChoice(name, expected, others)
    raise Unreadable(
        f"no notebook is called {expected}, and there are several: {_listed(notebooks)}"
    )


def _is_notebook(name: str) -> bool:
    """Return whether a file is what its name says, and not what a program left behind."""
    path = PurePosixPath(name)
    is_hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() == ".ipynb" and not is_hidden and "-checkpoint" not in path.stem


def _is_renamed(name: str, expected: str) -> bool:
    """Return whether a browser or mail program may have made this name of a notebook's.

    >>> [_is_renamed(name, "gpt2.ipynb") for name in ("Ann.ipynb.txt", "gpt2.json", "notes.txt")]
    [True, True, False]
    """
    path = PurePosixPath(name)
    if path.suffix.lower() not in OTHER_SUFFIXES or any(p.startswith(".") for p in path.parts):
        return False
    wanted, stem = PurePosixPath(expected).stem, path.name.removesuffix(path.suffix)
    is_called_notebook = _is_notebook(str(path.with_name(stem))) if stem else False
    return is_called_notebook or _is_simply_equal(stem, wanted)


def _none_there(names: list[str], expected: str) -> str:
    """Return that there is no notebook, and what is there instead."""
    others = sorted(name for name in names if name not in NOT_WORK)
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    there = f", and there is {_listed(others[:NAMED])}{more}" if others else ""
    return f"there is no notebook: {expected} is expected{there}"


def _is_equal(stem: str, wanted: str) -> bool:
    return stem == wanted


def _is_simply_equal(stem: str, wanted: str) -> bool:
    return _simple(stem) == _simple(wanted)


def _is_somewhere_in(stem: str, wanted: str) -> bool:
    """Return whether the name stands within another, as in Ann_Lee_gpt2_final."""
    return re.search(rf"(^|[\W_]){re.escape(_simple(wanted))}($|[\W_])", _simple(stem)) is not None


def _simple(stem: str) -> str:
    """Return a name without what systems add to copies: (1), -Copy1, Copy of, another ending."""
    simple = unicodedata.normalize("NFKC", stem).casefold().strip()
    simple = re.sub(r"\.(ipynb|txt|json)$", "", simple)
    simple = re.sub(r"^(copy|kopie) (of|von) ", "", simple)
    return re.sub(r"([-_ ]*copy[-_ ]*\d*|[-_ ]*\(\d+\))+$", "", simple).strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(one_line(name) for name in names)
