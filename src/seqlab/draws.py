"""Random numbers for tests, which whoever runs the tests can make his own.

A test that draws its inputs from ``generator(seed)`` has the same inputs in every notebook, unless
a key was set: then they depend on the key as well, and nobody without it knows them. This module
does not know who sets keys.
"""

import numpy as np

_key: tuple[int, ...] = ()


def generator(seed: int) -> np.random.Generator:
    """Return a generator of random numbers: always the same for a seed and a key."""
    return np.random.default_rng([seed, *_key] if _key else seed)


def use_key(key: bytes) -> None:
    """Make all generators from now on depend on ``key``; an empty one is no key."""
    global _key
    _key = tuple(key)
