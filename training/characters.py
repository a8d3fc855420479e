"""Recipes: the RNN and the GRU of problem 1.

``python -m training.characters RNN|GRU [--train PATH --test PATH --out FOLDER]`` trains on the
course's novel or on a text of your own, and writes Keras' two files. On one thread the RNN takes
minutes, the GRU about half an hour; either can be interrupted and started again.
"""

import argparse
from pathlib import Path
from typing import cast

import torch

from training import keras_writer, paths, record, recurrent
from training.rounding import keep_bits

BITS = 13  # of mantissa: an error of 6e-5 of each weight
SETTINGS = {"RNN": recurrent.RNN, "GRU": recurrent.GRU}


def encode(text: str, vocabulary: list[str]) -> torch.Tensor:
    """Return the text's ids (n,) in the sorted vocabulary."""
    index = {symbol: i for i, symbol in enumerate(vocabulary)}
    return torch.tensor([index[symbol] for symbol in text])


def train(kind: recurrent.Kind, train_text: str, test_text: str, out: Path) -> float:
    """Train one model, write it to ``out``, and return its perplexity on the test text.

    Nothing is chosen by the test text: the number of passes is fixed beforehand, and the model is
    written as the last pass leaves it.
    """
    vocabulary = sorted(set(train_text + test_text))
    settings = SETTINGS[kind]
    ids, test = encode(train_text, vocabulary), encode(test_text, vocabulary)
    run = recurrent.Run(ids, test, len(vocabulary), settings)
    paths.WORK.mkdir(exist_ok=True)
    checkpoint = paths.WORK / f"{kind}-{len(ids)}.pt"
    model = run.fit(checkpoint)
    reached = recurrent.perplexity(model, test)
    keras_writer.write(kind, [keep_bits(w, BITS) for w in model.keras_weights()], out)
    if out == paths.PROBLEM1:
        record.write(
            kind,
            seconds=round(run.seconds),
            settings=vars(settings),
            curve=run.curve,
            n_train=len(ids),
            n_test=len(test),
            perplexity=round(reached, 4),
            bits_of_mantissa=BITS,
            threads=torch.get_num_threads(),
        )
    checkpoint.unlink()
    return reached


def make(kind: recurrent.Kind) -> float:
    """Train one model on the course's own novel."""
    texts = [
        (paths.PROBLEM1 / f"mystery_{part}.txt").read_text(encoding="utf-8")
        for part in ("train", "test")
    ]
    return train(kind, texts[0], texts[1], paths.PROBLEM1)


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
    reached = train(cast(recurrent.Kind, options.kind), texts[0], texts[1], options.out)
    print(f"{options.kind}: perplexity {reached:.3f} on the test text; written to {options.out}")


if __name__ == "__main__":
    main()
