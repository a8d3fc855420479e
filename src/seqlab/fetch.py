"""Download OpenAI's GPT-2 checkpoints, once, to the folder where ``get_params`` finds them.

``huggingface_hub`` does the work: it shows a bar and resumes an interrupted download. The hash of
the weights is compared with the one that the hub lists.
"""

import os
from pathlib import Path

from seqlab import data_files, gpt2_weights
from seqlab.errors import DataError

NAMES = ("config.json", "vocab.json", "merges.txt", "model.safetensors")


def fetch(model_size: str, models_dir: str | Path | None = None) -> Path:
    """Download one of "124M", "355M", "774M", "1558M" and return its folder.

    Raises:
        DataError: the size is unknown, the network or the disk fails, or a file arrives damaged.
    """
    if model_size not in gpt2_weights.REPOSITORIES:
        known = ", ".join(gpt2_weights.REPOSITORIES)
        raise DataError(f"there is nothing to fetch for {model_size!r}: choose one of {known}")
    folder = Path(models_dir or data_files.group_dir(gpt2_weights.GROUP)) / model_size
    try:
        expected = _download(gpt2_weights.REPOSITORIES[model_size], folder)
    except Exception as error:  # the hub's client lets through those of three libraries below it
        raise DataError(
            f"could not fetch {model_size} ({_first_line(error)}): try again with a network, "
            "what has arrived is kept; or use mini, which is here already"
        ) from None
    _write_sums(folder, expected)
    gpt2_weights.get_params(model_size, models_dir)
    return folder


def _download(repository: str, folder: Path) -> dict[str, str]:
    """Download the files of a model; return ``{name: SHA-256}`` as far as the hub lists them."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub  # here, because it is slow to import and seldom needed

    info = huggingface_hub.HfApi().model_info(repository, files_metadata=True)
    for name in NAMES:
        huggingface_hub.hf_hub_download(
            repository, name, revision=info.sha, local_dir=folder, token=False
        )
    return {sibling.rfilename: sibling.lfs.sha256 for sibling in info.siblings or [] if sibling.lfs}


def _write_sums(folder: Path, expected: dict[str, str]) -> None:
    """List the hashes of a model's files; a file that has another one than expected is removed."""
    lines = []
    for name in NAMES:
        digest = data_files.sha256(folder / name)
        if expected.get(name, digest) != digest:
            (folder / name).unlink()
            raise DataError(f"{name} of {folder.name} arrived damaged and was removed: fetch again")
        lines.append(f"{digest}  {name}\n")
    (folder / data_files.SUMS).write_text("".join(lines), encoding="utf-8")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
