"""Drop the low bits of float32 weights, which take space and carry no information."""

import numpy as np

MANTISSA = 23  # stored bits of a float32


def keep_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Return float32 ``values`` rounded to ``bits`` bits of mantissa, to nearest, ties to even.

    The error is at most one part in ``2 ** (bits + 1)``.

    Example:
        >>> keep_bits(np.array([1 / 3]), 4).tolist()
        [0.328125]
    """
    drop = MANTISSA - bits
    raw = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    half = np.uint32((1 << (drop - 1)) - 1) + ((raw >> np.uint32(drop)) & np.uint32(1))
    return ((raw + half) & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)).view(np.float32)
