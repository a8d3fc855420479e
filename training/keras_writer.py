"""Write a recurrent model as Keras 2.9 does: architecture as JSON, weights as HDF5."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

KERAS_VERSION, BACKEND = "2.9.0", "tensorflow"


def _initializer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


def _common(name: str, units: int) -> dict[str, Any]:
    return {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "units": units,
        "use_bias": True,
        "kernel_initializer": _initializer("GlorotUniform", seed=None),
        "bias_initializer": _initializer("Zeros"),
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }


def _recurrent(name: str, units: int, **more: Any) -> dict[str, Any]:
    return {
        **_common(name, units),
        "activation": "tanh",
        "return_sequences": True,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "time_major": False,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "recurrent_initializer": _initializer("Orthogonal", gain=1.0, seed=None),
        "recurrent_regularizer": None,
        "recurrent_constraint": None,
        **more,
    }


def layers(kind: str, n_vocab: int) -> list[dict[str, Any]]:
    """Return Keras' description of the layers of the "RNN" or the "GRU"."""
    if kind == "RNN":
        hidden = [
            ("SimpleRNN", _recurrent("simple_rnn", 128)),
            ("SimpleRNN", _recurrent("simple_rnn_1", 64)),
        ]
    else:
        gates = {"recurrent_activation": "sigmoid", "implementation": 2, "reset_after": True}
        hidden = [("GRU", _recurrent("gru", 512, **gates))]
    shape = [None, None, n_vocab]
    hidden[0][1]["batch_input_shape"] = shape
    entry = {
        "batch_input_shape": shape,
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": f"{hidden[0][1]['name']}_input",
    }
    dense = {**_common("dense", n_vocab), "activation": "softmax"}
    described = [("InputLayer", entry), *hidden, ("Dense", dense)]
    return [{"class_name": kind, "config": config} for kind, config in described]


def weight_names(layer: dict[str, Any]) -> list[str]:
    """Return the names of a layer's weights in Keras 2.9; those of recurrent layers name a cell."""
    kind, name = layer["class_name"], layer["config"]["name"]
    if kind == "InputLayer":
        return []
    if kind == "Dense":
        return [f"{name}/kernel:0", f"{name}/bias:0"]
    cell = name.replace("simple_rnn", "simple_rnn_cell", 1) if kind == "SimpleRNN" else "gru_cell"
    return [f"{name}/{cell}/{part}:0" for part in ("kernel", "recurrent_kernel", "bias")]


def write(kind: str, weights: list[np.ndarray], folder: Path) -> None:
    """Write ``KIND_model.json`` and ``KIND_model.h5`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    described = layers(kind, weights[-1].size)
    model = {
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": described},
        "keras_version": KERAS_VERSION,
        "backend": BACKEND,
    }
    (folder / f"{kind}_model.json").write_text(json.dumps(model, indent=1) + "\n")
    rest = iter(weights)
    with h5py.File(folder / f"{kind}_model.h5", "w", track_order=False) as file:
        stored = [layer for layer in described if layer["class_name"] != "InputLayer"]
        names = [layer["config"]["name"] for layer in stored]
        file.attrs["layer_names"] = np.array(names, dtype="S")
        file.attrs["backend"] = np.bytes_(BACKEND)
        file.attrs["keras_version"] = np.bytes_(KERAS_VERSION)
        for layer, name in zip(stored, names, strict=True):
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array(weight_names(layer), dtype="S")
            for weight_name in weight_names(layer):
                group.create_dataset(
                    weight_name,
                    data=next(rest).astype(np.float32),
                    compression="gzip",
                    compression_opts=9,
                    shuffle=True,
                )
