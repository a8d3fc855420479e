"""Read the original course's pickles without running what a pickle may ask to be run.

A pickle is a program: it names functions and calls them. This reader knows five names, none of
which can do harm, and builds numpy arrays, plain containers and the state of a tiktoken encoding.
Every other name is an error before anything is called.
"""

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tiktoken

from seqlab.errors import DataError

PLAIN_KINDS = "biufcSU"  # booleans, numbers, bytes, text: no objects, no structures


class _ArrayType:
    """Stands in for ``numpy.ndarray``, which a pickle only names."""


class _EncodingState:
    """Stands in for ``tiktoken.Encoding``, whose own unpickling may use the network."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _new_array(kind: Any, shape: Any, typecode: Any) -> np.ndarray:
    if kind is not _ArrayType or shape != (0,):
        raise pickle.UnpicklingError("an array of an unexpected kind")
    return np.empty(0, dtype=np.int8)


def _dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype:
    """Build a plain dtype; the byte order follows by ``__setstate__``."""
    if code == "O8":  # the one-element envelope that np.save puts around a dictionary
        return np.dtype(object, copy=True)
    dtype = np.dtype(str(code), copy=True)  # never the shared one: its state is set next
    if dtype.kind not in PLAIN_KINDS:
        raise pickle.UnpicklingError(f"arrays of type {code!r}")
    return dtype


def _encode(text: Any, encoding: Any) -> bytes:
    """Return the bytes that older protocols spell as text."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("an unexpected encoding")
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("tiktoken.core", "Encoding"): _EncodingState,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _new_array for core in ("core", "_core")},
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside itself")


def _load(file: BinaryIO, path: Path) -> Any:
    try:
        return _Reader(file).load()
    except Exception as error:  # a hostile or broken stream may fail in any way
        raise DataError(f"{path} is not a pickle this course reads: {error}") from None


def read_array_dict(path: Path) -> dict[str, np.ndarray]:
    """Return the dictionary of arrays that ``numpy.save`` pickled into a ``.npy`` file.

    Raises:
        DataError: the file holds something else.
    """
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, _, dtype = read_header(file)
            if shape != () or dtype != np.dtype(object):
                raise ValueError(f"it holds an array of {dtype} with shape {shape}")
            content = _load(file, path)
    except (ValueError, AttributeError, OSError) as error:
        raise DataError(f"{path} is not a saved dictionary of arrays: {error}") from None
    if isinstance(content, np.ndarray) and content.shape == ():
        content = content.item()
    plain = isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(array, np.ndarray) and array.dtype.kind in "fiu"
        for name, array in content.items()
    )
    if not plain:
        raise DataError(f"{path} does not hold a dictionary of names and numeric arrays")
    return dict(content)


def read_encoding(path: Path) -> tiktoken.Encoding:
    """Return the tiktoken encoding that was pickled into a file.

    Raises:
        DataError: the file holds something else.
    """
    with path.open("rb") as file:
        content = _load(file, path)
    state: Any = content.state if isinstance(content, _EncodingState) else None
    try:
        ranks = {bytes(token): int(rank) for token, rank in state["mergeable_ranks"].items()}
        special = {str(name): int(rank) for name, rank in state["special_tokens"].items()}
        return tiktoken.Encoding(
            str(state["name"]),
            pat_str=str(state["pat_str"]),
            mergeable_ranks=ranks,
            special_tokens=special,
        )
    except Exception as error:  # tiktoken panics, too, on ranks that are not a vocabulary
        raise DataError(f"{path} does not hold a tokenizer: {error!r}") from None
