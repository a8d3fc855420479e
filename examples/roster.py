"""The class: who handed in what, and what is special about it.

This module does not know how a notebook is made of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode

import mistakes
from examples import forms
from examples.students import (
    assignment5_answers,
    assignment5_generators,
    assignment5_looping,
    assignment5_mistakes,
    assignment5_plain,
    assignment5_single,
    assignment5_vectorised,
    gpt2_answers,
    gpt2_looping,
    gpt2_mistakes,
    gpt2_plain,
    gpt2_single,
    gpt2_vectorised,
)


@dataclass(frozen=True)
class Student:
    """One submission: sources by cell id, and what else was done to the file."""

    name: str
    about: str
    cells: Mapping[str, str] = field(default_factory=dict)
    forms: tuple[Callable[[NotebookNode], None], ...] = ()
    from_master: bool = False  # the code is the master's, taken from it when the class is built
    crlf: bool = False  # lines of the file end as on Windows


def slips(assignment: str, *names: str) -> list[Student]:
    """Return students who have all right but for one mistake of the catalogue each, by its name."""
    cells = mistakes.catalogue(assignment)
    right = {cell.id: cell.right for cell in cells}
    made = {each.name: (cell, each) for cell in cells for each in cell.mistakes}
    return [
        Student(f"slip-{name}", each.about, right | {cell.id: cell.code(each)})
        for name in names
        for cell, each in [made[name]]
    ]


_A5, _A5_WRONG, _A5_SAYS = assignment5_plain, assignment5_mistakes, assignment5_answers
_G, _G_WRONG, _G_SAYS = gpt2_plain, gpt2_mistakes, gpt2_answers

CLASS: dict[str, tuple[Student, ...]] = {
    "assignment5": (
        Student("perfect", "the master's solutions, no answers", from_master=True),
        Student("blank", "the release as it was handed out"),
        Student(
            "half-done", "problem 1 solved, problem 2 untouched", _A5.FIRST_HALF | _A5_SAYS.GUESSED
        ),
        Student(
            "wrong-factors", "no 1/sqrt(d), times the temperature, log2 with exp", _A5_WRONG.FACTORS
        ),
        Student(
            "wrong-state",
            "state lost after the prompt, N without the prompt, a residual lost",
            _A5_WRONG.STATE | _A5_SAYS.SHORT,
        ),
        Student(
            "wrong-hurry",
            "argmax for drawing, mask after softmax, no ReLU, no bias",
            _A5_WRONG.HURRY,
        ),
        Student(
            "wrong-gates",
            "gate the wrong way round, mean over N, a product without "
            "logarithms, unknown symbols unchecked, pe.T @ pe",
            _A5_WRONG.GATES | _A5_SAYS.GUESSED,
        ),
        Student("vectorised", "all right: einsum, all heads at once", assignment5_vectorised.CODE),
        Student("looping", "all right and slow: lists and loops", assignment5_looping.CODE),
        Student("single", "all right: float32 throughout", assignment5_single.CODE),
        Student(
            "generators", "all right: random.choices, default_rng", assignment5_generators.CODE
        ),
        Student(
            "renamed-kernel",
            "all right, under a kernel that nobody else has",
            _A5.CODE,
            (forms.rename_kernel,),
        ),
        Student(
            "cells-added",
            "all right, with notes and scratch cells between",
            _A5.CODE,
            (forms.add_cells,),
        ),
        Student(
            "outputs-kept",
            "all right, executed, and saved with the outputs",
            _A5.CODE,
            (forms.keep_outputs,),
        ),
        Student(
            "other-editor",
            "first half right, saved by an editor that drops cell metadata",
            _A5.FIRST_HALF,
            (forms.strip_metadata,),
        ),
        Student(
            "cells-copied",
            "all right, a solution and a test copied, metadata and all",
            _A5.CODE,
            (forms.copy_cells,),
        ),
        Student(
            "tests-softened",
            "as wrong-hurry, with tests that always pass",
            _A5_WRONG.HURRY,
            (forms.soften_tests,),
        ),
        Student("syntax-error", "a bracket is missing in 1.3", _A5_WRONG.SYNTAX),
        Student(
            "raises",
            "a scratch cell fails, KeyError for ValueError, one branch not written",
            _A5_WRONG.RAISES,
            (forms.add_failing_cell,),
        ),
        Student("prints", "all right, and prints every step", _A5_WRONG.PRINTS),
        Student(
            "windows",
            "all right: accents in a comment, CRLF in sources and in the file",
            _A5_WRONG.WINDOWS,
            crlf=True,
        ),
        Student(
            "answers",
            "all right, and the written questions answered well",
            _A5.CODE | _A5_SAYS.GOOD,
        ),
        *slips("assignment5", "ppl-mean-over-text", "mha-mask-transposed", "head-log-softmax"),
    ),
    "gpt2": (
        Student("perfect", "the master's solutions, no answers", from_master=True),
        Student("blank", "the release as it was handed out"),
        Student(
            "half-done",
            "the first half solved, the second untouched",
            _G.FIRST_HALF | _G_SAYS.GUESSED,
        ),
        Student(
            "wrong-scale",
            "no maximum in softmax, no 1/sqrt(d), norm down the columns",
            _G_WRONG.SCALE,
        ),
        Student(
            "wrong-columns",
            "biases as columns, mask after softmax, exact Gelu",
            _G_WRONG.COLUMNS | _G_SAYS.SHORT,
        ),
        Student(
            "wrong-thread",
            "always two heads, normalized copy added, blocks not chained",
            _G_WRONG.THREAD,
        ),
        Student(
            "wrong-hurry",
            "softmax changes its argument, no Gelu, no last normalization",
            _G_WRONG.HURRY,
        ),
        Student("vectorised", "all right: einsum, all heads at once", gpt2_vectorised.CODE),
        Student("looping", "all right and slow: lists and loops", gpt2_looping.CODE),
        Student("single", "all right: float32 throughout", gpt2_single.CODE),
        Student(
            "renamed-kernel",
            "all right, under a kernel that nobody else has",
            _G.CODE,
            (forms.rename_kernel,),
        ),
        Student(
            "cells-added",
            "all right, with notes and scratch cells between",
            _G.CODE,
            (forms.add_cells,),
        ),
        Student(
            "outputs-kept",
            "all right, executed, and saved with the outputs",
            _G.CODE,
            (forms.keep_outputs,),
        ),
        Student(
            "other-editor",
            "first half right, saved by an editor that drops cell metadata",
            _G.FIRST_HALF,
            (forms.strip_metadata,),
        ),
        Student(
            "cells-copied",
            "all right, a solution and a test copied, metadata and all",
            _G.CODE,
            (forms.copy_cells,),
        ),
        Student(
            "tests-softened",
            "as wrong-hurry, with tests that always pass",
            _G_WRONG.HURRY,
            (forms.soften_tests,),
        ),
        Student(
            "syntax-error", "a bracket is missing in the feed forward network", _G_WRONG.SYNTAX
        ),
        Student(
            "raises",
            "a scratch cell fails, an assertion refuses some numbers of heads",
            _G_WRONG.RAISES,
            (forms.add_failing_cell,),
        ),
        Student("prints", "all right, and prints every step", _G_WRONG.PRINTS),
        Student(
            "windows",
            "all right: accents in a comment, CRLF in sources and in the file",
            _G_WRONG.WINDOWS,
            crlf=True,
        ),
        Student(
            "answers", "all right, and the written question answered well", _G.CODE | _G_SAYS.GOOD
        ),
        *slips(
            "gpt2",
            "ln-ddof",
            "mha-heads-interleaved",
            "block-first-adds-normalized",
            "gpt2-same-input",
        ),
    ),
}
