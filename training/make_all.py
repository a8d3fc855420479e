"""Make everything in ``data/`` again, in order: ``python -m training.make_all [--text PATH]``.

Nothing is skipped, however new its record is. A step that was interrupted goes on from its
checkpoint.
"""

from collections.abc import Callable

from seqlab.verify import write_sums
from training import bard, characters, curves, encoding, mini, novel, paths, readme, stopping


def main() -> None:
    """Run the recipes, then list the hashes of what they wrote."""
    text = paths.text_argument(__doc__)
    steps: dict[str, Callable[[], object]] = {
        "tokenizer": lambda: encoding.main(text),
        "novel": lambda: novel.make(novel.read()),
        "RNN": lambda: characters.make("RNN"),
        "GRU": lambda: characters.make("GRU"),
        "Bard": lambda: bard.main(text),
        "mini": lambda: mini.main(text),
        "plots": curves.main,
    }
    for i, (name, step) in enumerate(steps.items(), 1):
        print(f"[{i}/{len(steps)}] {name}", flush=True)
        step()
    write_sums(paths.DATA)
    readme.main()


if __name__ == "__main__":
    with stopping.stoppable():
        main()
