"""Keras models without Keras: the architecture from its JSON, the weights from its HDF5 file.

It reads what ``Model.to_json`` and ``save_weights`` of Keras 2 write, a whole Keras 2 model saved
as HDF5, and the ``.weights.h5`` files of Keras 3.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from seqlab import data_files
from seqlab.errors import DataError

GROUP = "problem1_data"
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer with weights.

    Attributes:
        kind: Keras' class, e.g. "GRU"
        name: its own name
        n_inputs: width of what it reads
        n_units: width of what it gives
        sequences: whether it gives an output for every position, not only for the last

    Example:
        >>> Layer("Dense", "out", 128, 44, True).n_parameters
        5676
    """

    kind: str
    name: str
    n_inputs: int
    n_units: int
    sequences: bool

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of its weights in Keras' order: kernel, recurrent kernel, bias."""
        n, m = self.n_inputs, self.n_units
        shapes: dict[str, list[Shape]] = {
            "SimpleRNN": [(n, m), (m, m), (m,)],
            "GRU": [(n, 3 * m), (m, 3 * m), (2, 3 * m)],  # gates z, r, h; reset_after=True
            "Dense": [(n, m), (m,)],
        }
        return shapes[self.kind]

    @property
    def n_parameters(self) -> int:
        """How many numbers its weights hold."""
        return sum(math.prod(shape) for shape in self.shapes)


@dataclass(frozen=True)
class KerasModel:
    """A stack of recurrent and dense layers, weights included."""

    name: str
    layers: tuple[Layer, ...]
    weights: tuple[np.ndarray, ...]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights, float32, layer by layer in Keras' order."""
        return [weight.copy() for weight in self.weights]

    def summary(self) -> None:
        """Print layers, output shapes (batch, position, unit) and parameter counts."""
        rows = [
            (f"{layer.name} ({layer.kind})", _output_shape(layer), f"{layer.n_parameters:,}")
            for layer in self.layers
        ]
        header = ("Layer (type)", "Output shape", "Parameters")
        widths = [max(len(row[i]) for row in (header, *rows)) + 2 for i in range(3)]
        rule = "-" * sum(widths)  # every console has this sign
        print(f'Model "{self.name}"', rule, sep="\n")
        for row in (header, *rows):
            print(f"{row[0]:<{widths[0]}}{row[1]:<{widths[1]}}{row[2]:>{widths[2]}}")
            if row is header:
                print(rule)
        print(rule, f"Parameters in all: {sum(w.size for w in self.weights):,}", sep="\n")


def load_keras_model(kind: Literal["RNN", "GRU"]) -> KerasModel:
    """Return the trained model of problem 1.2 ("RNN") or 1.3 ("GRU").

    Example:
        >>> load_keras_model("RNN").get_weights()[0].shape
        (44, 128)

    Raises:
        DataError: a file is missing, changed, cut short, or belongs to the other model.

    Source: assignment 5, problems 1.2 and 1.3.
    """
    if kind not in ("RNN", "GRU"):
        raise DataError(f"there is no model {kind!r}: ask for 'RNN' or 'GRU'")
    paths = (data_files.find(GROUP, f"{kind}_model{suffix}") for suffix in (".json", ".h5"))
    model = data_files.remember(read_keras_model, *paths)
    return replace(model, weights=tuple(model.get_weights()))


def read_keras_model(architecture: Path, weights: Path) -> KerasModel:
    """Return the model that Keras wrote into a JSON and an HDF5 file."""
    name, layers = _read_architecture(architecture)
    try:
        with h5py.File(weights, "r") as file:
            arrays = tuple(_read_weights(file, layers))
    except (OSError, KeyError, TypeError) as error:
        raise DataError(f"{weights} is not a readable Keras weight file: {error}") from None
    expected = [shape for layer in layers for shape in layer.shapes]
    shapes = [array.shape for array in arrays]
    if shapes != expected:
        raise DataError(
            f"{weights} does not belong to {architecture.name}: its weights have shapes "
            f"{shapes}, expected {expected}"
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise DataError(f"{weights} holds values that are not finite")
    return KerasModel(name, layers, arrays)


def _output_shape(layer: Layer) -> str:
    return f"(None, None, {layer.n_units})" if layer.sequences else f"(None, {layer.n_units})"


def _read_architecture(path: Path) -> tuple[str, tuple[Layer, ...]]:
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
        config = model["config"]
        described = config if isinstance(config, list) else config["layers"]
        name = "sequential" if isinstance(config, list) else config["name"]
        return name, tuple(_layers(described))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{path} does not describe a Keras model: {error!r}") from None


def _layers(described: list[dict[str, Any]]) -> Iterator[Layer]:
    width: int | None = None
    sequences = True
    for entry in described:
        kind, config = entry["class_name"], entry["config"]
        shape = config.get("batch_input_shape") or config.get("batch_shape")
        width = width or (shape[-1] if shape else None)
        if kind in ("InputLayer", "Activation", "Dropout"):
            continue
        if kind not in ("SimpleRNN", "GRU", "Dense") or width is None:
            raise ValueError(f"a layer of the kind {kind}")
        if kind == "GRU" and not config.get("reset_after", True):
            raise ValueError("a GRU with reset_after=False")
        sequences = sequences and config.get("return_sequences", True)
        yield Layer(kind, config["name"], width, config["units"], sequences)
        width = config["units"]


def _read_weights(file: h5py.File, layers: tuple[Layer, ...]) -> Iterator[np.ndarray]:
    root = file.get("model_weights", file)
    if "layer_names" in root.attrs:  # Keras 2
        for name in _texts(root.attrs["layer_names"]):
            for weight in _texts(root[name].attrs["weight_names"]):
                yield np.asarray(root[name][weight], dtype=np.float32)
        return
    seen: Counter[str] = Counter()
    for layer in layers:  # Keras 3 names the groups by class and count
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", layer.kind).lower()
        group = root[f"layers/{kind}_{seen[kind]}" if seen[kind] else f"layers/{kind}"]
        seen[kind] += 1
        values = group["cell/vars" if "cell" in group else "vars"]
        for i in range(len(values)):
            yield np.asarray(values[str(i)], dtype=np.float32)


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
