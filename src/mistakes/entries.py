"""What an entry of the catalogue is: a mistake, a right answer, or one kept back to measure with.

This module does not know how a cell is run, nor what any function should return.
"""

from dataclasses import dataclass, field


class EditError(ValueError):
    """An edit's old text does not stand exactly once in the code that it is to change."""


@dataclass(frozen=True)
class Right:
    """A right answer in a style of its own; it must get full marks.

    Attributes:
        name: unique in its cell
        about: what its style is, in a few words
        code: the whole cell
    """

    name: str
    about: str
    code: str


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that students give, or a cheat.

    Attributes:
        name: unique in the assignment: the function or its abbreviation, then the mistake
        about: what is wrong, for staff
        nudge: one sentence that says where to look and not what to do
        hint: what a teacher would say to somebody whose output equals this one's
        fails: the test cells that must notice; all others must pass
        edits: pairs of old and new text, each old one standing exactly once in the right answer
        code: the whole cell instead, where edits would be as long
        cheat: it looks right to somebody who only reads the printed output
    """

    name: str
    about: str
    nudge: str
    hint: str
    fails: tuple[str, ...]
    edits: tuple[tuple[str, str], ...] = ()
    code: str = ""
    cheat: bool = False


@dataclass(frozen=True)
class HeldBack:
    """A wrong answer that diagnosis never sees, to measure how often it names the right reason.

    Attributes:
        name: unique in its cell
        reasons: names of mistakes of which any would be right; none where no hint would be
        code: the whole cell, written in another style than the mistake that it repeats
    """

    name: str
    reasons: tuple[str, ...]
    code: str


@dataclass(frozen=True)
class Cell:
    """The catalogue of one solution cell.

    Attributes:
        id: the cell's id in the master
        functions: the graded functions that it defines
        right: a right answer, which mistakes are edits of
        rights: more of them
        mistakes: what students get wrong
        held_back: wrong answers that only measure
        where: where to read on, for students: a problem, a formula
    """

    id: str
    functions: tuple[str, ...]
    right: str
    rights: tuple[Right, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    held_back: tuple[HeldBack, ...] = field(default=())
    where: str = ""

    def code(self, mistake: Mistake) -> str:
        """Return the whole cell with a mistake in it.

        Raises:
            EditError: the text to replace does not stand exactly once in the right answer.
        """
        if mistake.code:
            return mistake.code
        code = self.right
        for old, new in mistake.edits:
            if code.count(old) != 1:
                raise EditError(f"{mistake.name}: {old!r} stands {code.count(old)} times, not once")
            code = code.replace(old, new)
        return code
