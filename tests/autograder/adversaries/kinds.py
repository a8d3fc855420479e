"""What an adversary is, and the honest code that each of them starts from.

This module does not know any attack.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode

from examples.students import gpt2_mistakes, gpt2_plain

HURRY = gpt2_mistakes.HURRY  # wrong in three cells of those used here: full marks are a forgery
PLAIN = gpt2_plain.CODE  # all right: what is lost was taken by the attack

# A part of the assignment, which is graded in a second. HURRY is wrong in the stable test and in
# both of b-2-1.
PARTS = ("a-setup", "a-1-1", "a-1-2", "a-2-1", "b-1-1", "b-2-1")
GELU_TESTS = ("b-1-1-test", "b-1-1-test-range")
USES_GELU = (*GELU_TESTS, "b-2-1-test", "b-2-1-test-bias")  # in PLAIN; HURRY forgets it

Form = Callable[[NotebookNode], None]


@dataclass(frozen=True)
class Adversary:
    """One hostile submission.

    Attributes:
        name: what it is called
        about: what it tries
        first: code of a cell of its own, before all solutions
        cells: cell id -> source, in the place of the base's
        base: honest code by cell id; its marks are what the submission must get
        forms: what else is done to the notebook
        files: what lies beside it
        statuses: of which it must get one
        costs: tests that it may lose: those in which its process ended
        fails: tests that its code does not deserve, though the base's does
        says: must be in the outputs of its own code: it shows that the attack was made
        slow: takes more than a few seconds
        forges: gets marks that it does not deserve where tests run in its own process
    """

    name: str
    about: str
    first: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    base: Mapping[str, str] = field(default_factory=lambda: HURRY)
    forms: tuple[Form, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    statuses: tuple[str, ...] = ("graded",)
    costs: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    says: str = ""
    forges: bool = False
    slow: bool = False

    @property
    def sources(self) -> dict[str, str]:
        """Return the solutions as handed in."""
        return {**self.base, **self.cells}


def in_gelu(code: str, base: Mapping[str, str] = HURRY) -> dict[str, str]:
    """Return cells in which gelu, whenever it is called, first does ``code``."""
    lines = "\n".join(f"    {line}" for line in code.strip("\n").splitlines())
    return {
        "b-1-1-solution": f"{base['b-1-1-solution']}\n\nhonest_gelu = gelu\n\n\n"
        f"def gelu(x):\n{lines}\n    return honest_gelu(x)\n"
    }


def in_softmax(code: str) -> dict[str, str]:
    """Return cells in which HURRY's softmax, whenever it is called, first does ``code``."""
    return _within("a-1-1-solution", "softmax(x)", code)


def in_network(code: str) -> dict[str, str]:
    """Return cells in which HURRY's network, whenever it is called, first does ``code``."""
    return _within("b-2-1-solution", "feed_forward_network(x, mlp)", code)


def _within(cell: str, call: str, code: str) -> dict[str, str]:
    lines = "\n".join(f"    {line}" for line in code.strip("\n").splitlines())
    name = call.partition("(")[0]
    return {
        cell: f"{HURRY[cell]}\n\nhonest_{name} = {name}\n\n\n"
        f"def {call}:\n{lines}\n    return honest_{call}\n"
    }
