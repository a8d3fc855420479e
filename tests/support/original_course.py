"""A folder with exactly the files that the original course hands out, of the same shape."""

import json
import pickle
from pathlib import Path

import h5py
import numpy as np

import seqlab
from training import keras_writer


def write(root: Path) -> Path:
    """Write the folder, with our text and weights in it, and return it.

    As in the original, the GRU's candidate has a recurrent bias, and softmax is a layer of its own.
    """
    first, second = (root / name for name in ("problem1_data", "problem2_model_parameters"))
    second.mkdir(parents=True)
    _write_keras("RNN", seqlab.load_keras_model("RNN").get_weights(), first)
    gru = seqlab.load_keras_model("GRU").get_weights()
    gru[2][1] = np.random.default_rng(0).normal(0, 0.1, gru[2].shape[1])
    _write_keras("GRU", gru, first)
    for part, text in zip(("train", "test"), seqlab.load_corpus(), strict=True):
        (first / f"Agatha_Christie_{part}.txt").write_text(text, encoding="utf-8")
    weights = np.array(seqlab.load_transformer_weights(), dtype=object)
    np.save(second / "model_weights_D512L4H8.npy", weights, allow_pickle=True)
    (second / "bpe1024_enc_full.pkl").write_bytes(pickle.dumps(seqlab.load_tokenizer()))
    return root


def flatten(root: Path) -> Path:
    """Move all files of a folder beside each other, as a download may leave them."""
    for path in [path for path in root.rglob("*") if path.is_file()]:
        path.rename(root / path.name)
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        folder.rmdir()
    return root


def _write_keras(kind: str, weights: list[np.ndarray], folder: Path) -> None:
    """Write what Keras 2.9 writes of Sequential([..., Dense(44), Activation("softmax")])."""
    keras_writer.write(kind, weights, folder)
    path = folder / f"{kind}_model.json"
    model = json.loads(path.read_text("utf-8"))
    layers = model["config"]["layers"]
    layers[-1]["config"]["activation"] = "linear"
    config = {"name": "activation", "trainable": True, "dtype": "float32", "activation": "softmax"}
    layers.append({"class_name": "Activation", "config": config})
    path.write_text(json.dumps(model), encoding="utf-8")  # on one line
    with h5py.File(folder / f"{kind}_model.h5", "r+") as file:
        names = [*file.attrs["layer_names"], b"activation"]
        file.attrs["layer_names"] = np.array(names, dtype="S")
        file.create_group("activation").attrs["weight_names"] = np.array([], dtype="S1")
