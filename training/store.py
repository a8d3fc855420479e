"""Write a Transformer's weights as the course loads them."""

from pathlib import Path

import h5py
import numpy as np


def write_h5(params: dict[str, np.ndarray], path: Path) -> None:
    """Write one float32 dataset a parameter, in order, compressed without loss."""
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(part, "w", track_order=True) as file:
        for name, array in params.items():
            file.create_dataset(
                name,
                data=array.astype(np.float32),
                compression="gzip",
                compression_opts=9,
                shuffle=True,
            )
    part.replace(path)
