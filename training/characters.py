"""Recipes: the RNN and the GRU of problem 1.

``python -m training.characters RNN|GRU [--train PATH --test PATH --out FOLDER]`` trains on the
course's novel or on a text of your own, and writes Keras' two files. On one thread the RNN takes
minutes, the GRU about half an hour; either can be interrupted and started again.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from training import keras_writer, paths, record, recurrent, stopping
from training.rounding import keep_bits

BITS = 13  # of mantissa: an error of 6e-5 of each weight
SETTINGS = {"RNN": recurrent.RNN, "GRU": recurrent.GRU}


def encode(text: str, vocabulary: list[str]) -> torch.Tensor:
    """Return the text's ids (n,) in the sorted vocabulary."""
    index = {symbol: i for i, symbol in enumerate(vocabulary)}
    return torch.tensor([index[symbol] for symbol in text])


@dataclass(frozen=True)
class Trained:
    """What is recorded of a run; ``curve`` has the perplexities of every fifth pass."""

    seconds: int
    settings: dict[str, Any]
    curve: list[dict[str, float]]
    n_train: int
    n_test: int
    perplexity: float
    threads: int
    bits_of_mantissa: int = BITS


def checkpoint(kind: recurrent.Kind, train_text: str, test_text: str) -> Path:
    """Return where the run on these texts is saved."""
    return paths.checkpoint(kind, train_text, test_text, vars(SETTINGS[kind]))


def passes_done(kind: recurrent.Kind, train_text: str, test_text: str) -> int:
    """Return how many passes an interrupted run on these texts has behind it."""
    path = checkpoint(kind, train_text, test_text)
    return int(torch.load(path, weights_only=False)["passes"]) if path.exists() else 0


def train(
    kind: recurrent.Kind,
    train_text: str,
    test_text: str,
    out: Path,
    after_pass: Callable[[], None] = lambda: None,
) -> Trained:
    """Train one model and write it to ``out``.

    Nothing is chosen by the test text: the number of passes is fixed beforehand, and the model is
    written as the last pass leaves it. The checkpoint stays, so that the same call returns at once;
    ``paths.forget`` removes it.
    """
    vocabulary = sorted(set(train_text + test_text))
    ids, test = encode(train_text, vocabulary), encode(test_text, vocabulary)
    run = recurrent.Run(ids, test, len(vocabulary), SETTINGS[kind])
    model = run.fit(checkpoint(kind, train_text, test_text), after_pass)
    keras_writer.write(kind, [keep_bits(w, BITS) for w in model.keras_weights()], out)
    return Trained(
        seconds=round(run.seconds),
        settings=vars(SETTINGS[kind]),
        curve=run.curve,
        n_train=len(ids),
        n_test=len(test),
        perplexity=round(recurrent.perplexity(model, test), 4),
        threads=torch.get_num_threads(),
    )


def make(kind: recurrent.Kind) -> None:
    """Train one model on the course's own novel, and record how it went."""
    names = [paths.PROBLEM1 / f"mystery_{part}.txt" for part in ("train", "test")]
    train_text, test_text = (path.read_text(encoding="utf-8") for path in names)
    record.write(kind, **vars(train(kind, train_text, test_text, paths.PROBLEM1)))
    paths.forget(kind)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train the RNN or the GRU of problem 1.")
    parser.add_argument("kind", choices=sorted(SETTINGS))
    parser.add_argument("--train", type=Path, default=paths.PROBLEM1 / "mystery_train.txt")
    parser.add_argument("--test", type=Path, default=paths.PROBLEM1 / "mystery_test.txt")
    parser.add_argument("--out", type=Path, default=paths.PROBLEM1, help="folder of the two files")
    options = parser.parse_args()
    try:
        texts = [path.read_text(encoding="utf-8") for path in (options.train, options.test)]
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"cannot read the text: {error}") from None
    kind = cast(recurrent.Kind, options.kind)
    trained = train(kind, texts[0], texts[1], options.out)
    if options.out == paths.PROBLEM1:
        record.write(kind, **vars(trained))
    paths.forget(kind)
    reached = f"perplexity {trained.perplexity:.3f} on the test text"
    print(f"{kind}: {reached}; written to {options.out}")


if __name__ == "__main__":
    with stopping.stoppable():
        main()
