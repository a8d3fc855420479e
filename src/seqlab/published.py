"""The numbers that the two documents print, and a comparison to the last printed digit."""

from collections.abc import Sequence

import numpy as np

from seqlab.errors import DataError

Rows = Sequence[Sequence[str]]

TOKENIZER_TEXT = (
    "What's in a name? that which we call a rose\nBy any other name would smell as sweet;"
)
TOKEN_IDS = [
    462,
    320,
    307,
    258,
    813,
    63,
    323,
    621,
    331,
    800,
    258,
    697,
    305,
    10,
    889,
    801,
    845,
    813,
    504,
    260,
    109,
    408,
    366,
    818,
    59,
]
RANKS_SHA256 = "b4d5158398bd45e3af2e0dbe9b6a6668c16c58795bc466b45b288e12e267cb45"

# Shapes (3, 5): the first three positions, the first five columns. The tests of attention, MLP
# and prediction head feed ones, so that their three rows are equal.
EMBED_TOKENS: Rows = (
    ("-0.4494016", "0.8637606", "0.64816946", "-1.0005027", "0.65828127"),
    ("1.1595719", "-0.09202019", "1.4256238", "1.7668523", "-1.366581"),
    ("0.7071919", "0.45128715", "-1.1132193", "-0.18074755", "-0.36634383"),
)
ATTENTION: Rows = (("0.48334133", "0.19740422", "-0.39514927", "-0.40647455", "0.4831646"),) * 3
MLP: Rows = (("0.06068574", "0.6727857", "0.20872724", "0.42208509", "0.29517956"),) * 3
PREDICTION_HEAD: Rows = (
    ("0.88448969", "0.07200013", "-0.67318526", "-1.11558351", "0.14410351"),
) * 3
TRANSFORMER: Rows = (
    ("-1.96413494", "-5.12566872", "-5.90677725", "-5.57889829", "-3.85043572"),
    ("-2.31297382", "-4.97034061", "-3.49086669", "-5.39965866", "-3.99684957"),
    ("-2.97001738", "-4.8404957", "-4.04949199", "-4.01892112", "-6.03806011"),
)


def printed(values: np.ndarray) -> list[list[str]]:
    """Return numbers (n, m) as numpy prints an array of them.

    That is with at most 8 decimals, and no more than tell a number from its neighbours.

    Example:
        >>> printed(np.array([[1 / 3, 0.5]]))
        [['0.33333333', '0.5']]
    """
    return [
        [np.format_float_positional(v, precision=8, unique=True, trim="-") for v in row]
        for row in values
    ]


def require(name: str, values: np.ndarray, expected: Rows) -> None:
    """Check that every number prints as it does in the document.

    Raises:
        DataError: one does not.
    """
    for i, (ours, theirs) in enumerate(zip(printed(np.asarray(values)), expected, strict=True)):
        for j, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            if our != their:
                raise DataError(f"{name}[{i}, {j}] is {our}, and the document prints {their}")
