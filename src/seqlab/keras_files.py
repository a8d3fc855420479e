"""Keras models without Keras: the architecture from its JSON, the weights from its HDF5 file.

It reads what ``Model.to_json`` and ``save_weights`` of Keras 2 write, a whole Keras 2 model saved
as HDF5, and the ``.weights.h5`` files of Keras 3. A model that the notebooks' formulas would
compute otherwise than Keras does is refused.
"""

import contextlib
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from seqlab import data_files, tensorflow_files
from seqlab.errors import DataError

GROUP = "problem1_data"
Shape = tuple[int, ...]
STACKS = {"RNN": ["SimpleRNN", "SimpleRNN", "Dense"], "GRU": ["GRU", "Dense"]}  # of the notebook
# What the settings of a layer may be, for the notebooks' formulas to give what Keras gives. What a
# file does not say is the first of them.
RECURRENT: dict[str, tuple[object, ...]] = {
    "activation": ("tanh",),
    "use_bias": (True,),
    "go_backwards": (False,),
    "time_major": (False,),
}
FORMULAS: dict[str, dict[str, tuple[object, ...]]] = {
    "SimpleRNN": RECURRENT,
    "GRU": RECURRENT | {"recurrent_activation": ("sigmoid",), "reset_after": (True,)},
    "Dense": {"activation": ("linear", "softmax"), "use_bias": (True,)},
    "Activation": {"activation": ("linear", "softmax")},
    "Dropout": {},  # does nothing once a model is trained
    "InputLayer": {},
}


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
        lines = [f"{a:<{widths[0]}}{b:<{widths[1]}}{c:>{widths[2]}}" for a, b, c in (header, *rows)]
        total = f"Parameters in all: {sum(w.size for w in self.weights):,}"
        text = "\n".join((f'Model "{self.name}"', rule, lines[0], rule, *lines[1:], rule, total))
        console = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(console, "backslashreplace").decode(console))


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
    _refuse_archive(data_files.group_dir(GROUP) / f"{kind}_model.keras", kind)
    architecture, weights = (data_files.find(GROUP, *names) for names in names_of(kind))
    model = data_files.remember(read_keras_model, architecture, weights)
    stack = [layer.kind for layer in model.layers]
    if stack != STACKS[kind]:
        raise DataError(
            f"{architecture} has the layers {', '.join(stack)}, and the notebook's {kind} has "
            f"{', '.join(STACKS[kind])}"
        )
    return replace(model, weights=tuple(model.get_weights()))


def names_of(kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a model's two files may be called: its architecture, its weights."""
    return (f"{kind}_model.json",), (f"{kind}_model.h5", f"{kind}_model.weights.h5")


def read_keras_model(architecture: Path, weights: Path) -> KerasModel:
    """Return the model that Keras wrote into a JSON and an HDF5 file.

    Raises:
        DataError: they cannot be read, do not belong together, or hold a model that the notebooks'
            formulas do not cover.
    """
    for path in (architecture, weights):
        _refuse_archive(path, architecture.stem.removesuffix("_model"))
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


NAMES = (*names_of("RNN"), *names_of("GRU"))


def _refuse_archive(path: Path, kind: str) -> None:
    """Raise DataError if a file is one of Keras 3's ``.keras`` archives, whatever its name."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            raise DataError(
                f"{path} is a .keras archive. Load it with keras.models.load_model, then save "
                f"model.to_json() as {kind}_model.json, and the weights with "
                f"model.save_weights('{kind}_model.weights.h5')"
            )


def _output_shape(layer: Layer) -> str:
    return f"(None, None, {layer.n_units})" if layer.sequences else f"(None, {layer.n_units})"


def _read_architecture(path: Path) -> tuple[str, tuple[Layer, ...]]:
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
        config = model["config"]
        described = config if isinstance(config, list) else config["layers"]
        name = "sequential" if isinstance(config, list) else config["name"]
        _require_covered(path, described)
        if isinstance(config, dict):
            _require_chain(path, described, config)
        return name, tuple(_layers(described))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{path} does not describe a Keras model: {error!r}") from None


def _require_covered(path: Path, described: list[dict[str, Any]]) -> None:
    """Raise DataError if a layer computes what the notebooks' formulas do not."""
    softmax = False
    for entry in described:
        kind, config = entry["class_name"], entry["config"]
        if kind not in FORMULAS:
            raise DataError(
                f"{path} has a layer of the kind {kind}, which the notebooks do not have"
            )
        if softmax and kind != "Dropout":
            raise DataError(f"{path} has a softmax before its last layer")
        for name, covered in FORMULAS[kind].items():
            value = _plain(config.get(name, covered[0]))
            softmax = softmax or value == "softmax"
            if value not in covered:
                raise DataError(
                    f"{path}: {config.get('name', kind)} ({kind}) has {name}={value!r}, and the "
                    f"notebooks' formulas need {covered[-1]!r}"
                )


def _plain(value: Any) -> Any:
    """Return the name of a function that Keras 3 describes as an object."""
    return value.get("config", value) if isinstance(value, dict) else value


def _require_chain(path: Path, described: list[dict[str, Any]], config: dict[str, Any]) -> None:
    """Raise DataError if a layer reads another one than the one before it."""
    names = [entry["config"]["name"] for entry in described]
    for before, entry in pairwise(described):
        reads = {*_strings(entry.get("inbound_nodes"))} & {*names}
        if not reads <= {before["config"]["name"]}:
            raise DataError(
                f"{path}: {entry['config']['name']} reads {' and '.join(sorted(reads))}"
            )
    if not {*_strings(config.get("output_layers"))} & {*names} <= {names[-1]}:
        raise DataError(f"{path} gives the output of another layer than its last")


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts in lists and dictionaries of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _layers(described: list[dict[str, Any]]) -> Iterator[Layer]:
    width: int | None = None
    sequences = True
    for entry in described:
        kind, config = entry["class_name"], entry["config"]
        shape = config.get("batch_input_shape") or config.get("batch_shape")
        width = width or (shape[-1] if shape else None)
        if kind in ("InputLayer", "Activation", "Dropout"):
            continue
        if width is None:
            raise ValueError("no layer says how wide the input is")
        sequences = sequences and config.get("return_sequences", True)
        yield Layer(kind, config["name"], width, config["units"], sequences)
        width = config["units"]


def _read_weights(file: h5py.File, layers: tuple[Layer, ...]) -> Iterator[np.ndarray]:
    root = file.get("model_weights", file)
    if "layer_names" in root.attrs:  # Keras 2
        for name in _texts(root.attrs["layer_names"]):
            for weight in _texts(root[name].attrs["weight_names"]):
                yield _float32(root[name][weight])
        return
    seen: Counter[str] = Counter()
    for layer in layers:  # Keras 3 names the groups by class and count
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", layer.kind).lower()
        group = root[f"layers/{kind}_{seen[kind]}" if seen[kind] else f"layers/{kind}"]
        seen[kind] += 1
        values = group["cell/vars" if "cell" in group else "vars"]
        for i in range(len(values)):
            yield _float32(values[str(i)])


def _float32(dataset: h5py.Dataset) -> np.ndarray:
    """Return a dataset as float32; Keras stores bfloat16 as pairs of bytes that it marks."""
    if dataset.attrs.get("dtype") == "bfloat16":
        return tensorflow_files.bfloat16(dataset[()])
    if dataset.dtype.kind != "f":
        raise TypeError(f"{dataset.name} holds {dataset.dtype}: save the model as float32")
    return np.asarray(dataset, dtype=np.float32)


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
