"""Where the recipes write, and the one argument that they share."""

import argparse
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


def text_argument(description: str | None) -> Path | None:
    """Parse the command line of a recipe: ``--text PATH`` and nothing else."""
    first_line = (description or "").splitlines()[0]
    parser = argparse.ArgumentParser(description=first_line)
    parser.add_argument(
        "--text", type=Path, help="the Shakespeare text (default: see training/text_source.py)"
    )
    path: Path | None = parser.parse_args().text
    return path
