"""Draw the loss curves that the recipes recorded: ``python -m training.curves``."""

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from training import paths, record, stopping

TARGETS = {"bard": 1.47, "mini": 1.55}


def main() -> None:
    """Write ``docs/training.png``: the Transformers on the left, the recurrent models right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for name, colour in (("bard", "C0"), ("mini", "C1")):
        curve = record.read(name)["curve"]
        steps = [point["step"] for point in curve]
        left.plot(steps, [p["valid_per_character"] for p in curve], colour, label=name)
        left.axhline(TARGETS[name], color=colour, linestyle=":", linewidth=1)
    left.set(xlabel="step", ylabel="nats per character, last 10 % of the text", ylim=(1.4, 2.2))
    left.set_title("Transformers (dotted: target)")
    for name, colour in (("RNN", "C2"), ("GRU", "C3")):
        curve = record.read(name)["curve"]
        passes = [point["pass"] for point in curve]
        right.plot(passes, [p["valid"] for p in curve], colour, label=f"{name}, test pages")
        right.plot(
            passes,
            [p["train"] for p in curve],
            colour,
            alpha=0.4,
            linestyle="--",
            label=f"{name}, training, with dropout",
        )
    right.set(xlabel="passes over the novel", ylabel="perplexity per character", ylim=(3, 6))
    right.set_title("RNN and GRU")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    (paths.ROOT / "docs").mkdir(exist_ok=True)
    figure.savefig(paths.ROOT / "docs" / "training.png", dpi=110)


if __name__ == "__main__":
    with stopping.stoppable():
        main()
