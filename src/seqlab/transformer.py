"""The weights of problem 2's Transformer, under the names of the released checkpoint."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from seqlab import data_files, pickles
from seqlab.errors import DataError

GROUP = "problem2_model_parameters"
NAMES = ("model_weights_D512L4H8.h5", "model_weights_D512L4H8.npy")  # ours, then the original

D_MODEL, N_LAYERS, N_HEADS, D_FF, VOCAB_SIZE, BLOCK_SIZE = 512, 4, 8, 1024, 1024, 128


def expected_shapes() -> dict[str, tuple[int, ...]]:
    """Return ``{parameter name: shape}`` in the checkpoint's order; matrices are (out, in)."""
    square, up, down = (D_MODEL, D_MODEL), (D_FF, D_MODEL), (D_MODEL, D_FF)
    shapes: dict[str, tuple[int, ...]] = {
        "word_embedding.weight": (VOCAB_SIZE, D_MODEL),
        "position_embedding.inv_freq": (D_MODEL // 2,),
    }
    for layer in range(N_LAYERS):
        shapes |= {f"layers.{layer}.attention.w{part}.weight": square for part in "qkvo"}
        shapes[f"layers.{layer}.feed_forward.0.weight"] = up
        shapes[f"layers.{layer}.feed_forward.2.weight"] = down
    return shapes | {"fc_out.weight": (VOCAB_SIZE, D_MODEL), "fc_out.bias": (VOCAB_SIZE,)}


def load_transformer_weights(*beginnings: str) -> dict[str, np.ndarray]:
    """Return ``{parameter name: float32 array}`` of the model that writes Shakespeare.

    Args:
        beginnings: return only parameters whose names begin with one of these; without any, all

    Example:
        >>> {name: array.shape for name, array in load_transformer_weights("fc_out").items()}
        {'fc_out.weight': (1024, 512), 'fc_out.bias': (1024,)}

    Raises:
        DataError: the file is missing, changed, cut short, or of another model.

    Source: assignment 5, problem 2.
    """
    return {
        name: array.copy() for name, array in loaded().items() if name.startswith(beginnings or "")
    }


def loaded() -> Mapping[str, np.ndarray]:
    """Return the arrays that ``load_transformer_weights`` copies; never change them."""
    return data_files.remember(_read, data_files.find(GROUP, *NAMES))


def _read(path: Path) -> dict[str, np.ndarray]:
    arrays = pickles.read_array_dict(path) if path.suffix == ".npy" else _read_h5(path)
    shapes = expected_shapes()
    for name, shape in shapes.items():
        if name not in arrays:
            raise DataError(f"{path} lacks the parameter {name}: it is of another model")
        if arrays[name].shape != shape:
            raise DataError(f"{path}: {name} has shape {arrays[name].shape}, expected {shape}")
        if not np.isfinite(arrays[name]).all():
            raise DataError(f"{path}: {name} holds values that are not finite")
    return {name: np.asarray(arrays[name], dtype=np.float32) for name in shapes}


def _read_h5(path: Path) -> dict[str, np.ndarray]:
    try:
        with h5py.File(path, "r") as file:
            return {name: file[name][()] for name in file}
    except (OSError, TypeError) as error:
        raise DataError(f"{path} is not a readable HDF5 file of weights: {error}") from None
