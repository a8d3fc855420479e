r"""The entries of the catalogue: mistakes, right answers, and wrong ones held back to measure with.

>>> wrong = Mistake("no-sign", "", "", "", edits=(("return -x", "return x"),))
>>> Cell("s", ("negate",), "def negate(x):\n    return -x").code(wrong)
'def negate(x):\n    return x'
"""

from dataclasses import dataclass, field


class EditError(ValueError):
    """An edit does not fit: the text to replace does not occur exactly once."""


@dataclass(frozen=True)
class Right:
    """A right answer in a particular style; it must get full marks.

    Attributes:
        name: unique in its cell
        about: the style, in a few words
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
        nudge: one sentence that says where to look, but not what to do
        hint: what a teacher would say to a student whose function returns the same
        fails: which of its function's own tests must fail, where these are not all of them; all
            other tests must pass, since they are run with right functions in its place
        edits: pairs of old and new text; each old text occurs exactly once in the right answer
        code: the whole cell instead, where edits would be just as long
        cheat: whether it looks right to somebody who only reads the printed output
    """

    name: str
    about: str
    nudge: str
    hint: str
    fails: tuple[str, ...] = ()
    edits: tuple[tuple[str, str], ...] = ()
    code: str = ""
    cheat: bool = False


@dataclass(frozen=True)
class HeldBack:
    """A wrong answer that diagnoses never use, to measure how often they name the right reason.

    Attributes:
        name: unique in its cell
        reasons: the names of mistakes any of which is a right diagnosis; none if no hint would be
        code: the whole cell, in another style than the mistake that it repeats
        fails: tests of its own cell that must fail; empty where nobody has said
    """

    name: str
    reasons: tuple[str, ...]
    code: str
    fails: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """The catalogue of one solution cell.

    Attributes:
        id: the cell's id in the master
        functions: the graded functions that it defines
        right: the right answer that mistakes are edits of
        rights: other right answers
        mistakes: what students get wrong
        held_back: wrong answers to measure diagnoses with
        rights_held_back: more right answers, tried together with the wrong ones that are held back
        where: where students can read more: a problem, a formula
    """

    id: str
    functions: tuple[str, ...]
    right: str
    rights: tuple[Right, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    held_back: tuple[HeldBack, ...] = field(default=())
    rights_held_back: tuple[Right, ...] = ()
    where: str = ""

    def code(self, mistake: Mistake, *more: Mistake) -> str:
        """Return the whole cell with a mistake in it, or with several at once.

        Raises:
            EditError: the text to replace does not occur exactly once in the right answer, or
                several mistakes do not go together.
        """
        if mistake.code and not more:
            return mistake.code
        code = self.right
        for each in (mistake, *more):
            if each.code:
                raise EditError(f"{each.name} is a whole cell, which goes with no other mistake")
            code = _edited(code, each)
        return code


def _edited(code: str, mistake: Mistake) -> str:
    for old, new in mistake.edits:
        if code.count(old) != 1:
            raise EditError(f"{mistake.name}: {old!r} occurs {code.count(old)} times, not once")
        code = code.replace(old, new)
    return code
