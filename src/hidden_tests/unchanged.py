"""A check for every test: a function leaves the arrays that it is given as they were."""

from collections.abc import Mapping, Sequence

import numpy as np


def expect_same_arrays(
    name: str,
    before: Mapping[str, np.ndarray] | Sequence[np.ndarray],
    after: Mapping[str, np.ndarray] | Sequence[np.ndarray],
) -> None:
    """Check that the arrays in a dictionary or a list are still what they were.

    Args:
        name: what the dictionary or list is called in the student's function
        before: a copy from before the call (copy.deepcopy)
        after: what the function was given

    Example:
        >>> expect_same_arrays("params", {"w": np.zeros(2)}, {"w": np.ones(2)})
        Traceback (most recent call last):
        AssertionError: your function changes params['w']: work on a copy
    """
    now = _entries(after)
    for key, array in _entries(before).items():
        if key not in now or not np.array_equal(now[key], array):
            raise AssertionError(f"your function changes {name}[{key!r}]: work on a copy")


def _entries(
    arrays: Mapping[str, np.ndarray] | Sequence[np.ndarray],
) -> dict[str | int, np.ndarray]:
    return dict(arrays.items() if isinstance(arrays, Mapping) else enumerate(arrays))
