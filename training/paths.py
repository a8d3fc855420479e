"""Where the recipes write, and the one argument that they share."""

import argparse
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
WORK = ROOT / "training" / "work"
CHAPTERS = ROOT / "training" / "the_last_galley"

PROBLEM1 = DATA / "problem1_data"
PROBLEM2 = DATA / "problem2_model_parameters"
MINI = DATA / "gpt2" / "mini"

TOKENIZER = PROBLEM2 / "bpe1024.tiktoken"
BARD = PROBLEM2 / "model_weights_D512L4H8.h5"


def checkpoint(name: str, *content: object) -> Path:
    """Return where a run is saved: another text or another recipe has another file.

    Args:
        name: of the model
        content: all that the run is made of, as JSON takes it
    """
    WORK.mkdir(exist_ok=True)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return WORK / f"{name}-{digest[:16]}.pt"


def forget(name: str) -> None:
    """Remove the checkpoints of a model: what they led to is written."""
    for path in WORK.glob(f"{name}-*.pt"):
        path.unlink()


def text_argument(description: str | None) -> Path | None:
    """Parse the command line of a recipe: ``--text PATH`` and nothing else."""
    first_line = (description or "").splitlines()[0]
    parser = argparse.ArgumentParser(description=first_line)
    parser.add_argument(
        "--text", type=Path, help="the Shakespeare text (default: see training/text_source.py)"
    )
    path: Path | None = parser.parse_args().text
    return path
