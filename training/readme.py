"""Write ``data/README.md`` from what the recipes recorded: ``python -m training.readme``.

Figures are kept in one place, the records, and a test compares the page with them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqlab import data_files
from training import paths, record, stopping

NAMES = ("tokenizer", "novel", "RNN", "GRU", "bard", "mini")


def duration(seconds: float) -> str:
    """Return seconds in words.

    Example:
        >>> duration(42), duration(600)
        ('42 s', '10 min')
    """
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def page(
    data: Path = paths.DATA, own: Mapping[str, Mapping[str, Any]] | None = None, title: str = ""
) -> str:
    """Return the text of the page.

    Args:
        data: the data folder
        own: what stands in the place of records ("novel", "RNN", "GRU") after a rotation
        title: of the text that took the novel's place
    """
    facts = {name: (own or {}).get(name) or record.read(name) for name in NAMES}
    novel, rnn, gru, bard, mini = (facts[name] for name in NAMES[1:])
    losses, sums = bard["nats_per_character"], data_files.read_sums(data)
    sizes = {name: (data / name).stat().st_size for name in sums}
    listing = "\n".join(
        f"| `{name}` | {sizes[name]:,} | `{digest}` |" for name, digest in sums.items()
    )
    took = "\n".join(_took(name, facts[name]) for name in NAMES if name != "novel")
    lower = 100 * (1 - gru["perplexity"] / rnn["perplexity"])
    beside = f"{abs(lower):.0f} % {'lower' if lower >= 0 else 'higher'}"
    return f"""# What the notebooks load

The recipes in `training/` made everything here, and `make train` makes it again. Nothing is
downloaded when a notebook runs. `python -m seqlab verify` checks hashes and numbers, and names what
is wrong.

The two assignments exist as **hand-outs** of a university course, with printed numbers. The data
here takes the place of theirs, and gives the same numbers.

Licence: MIT, like the rest of the repository. The Transformers and the tokenizer learned from a
megabyte of Shakespeare, which is in the public domain and not part of the repository.
`training/text_source.py` says which file it is and where to get it.

## `problem1_data/`: a novel, an RNN, a GRU

{_own_text(title, novel) if title else _last_galley(novel)}

**`RNN_model.json`, `.h5`**: one-hot → SimpleRNN 128 → SimpleRNN 64 → softmax. **`GRU_model.json`,
`.h5`**: one-hot → GRU 512 (`reset_after=True`, gates in the order z, r, h) → softmax. Architecture
and weights are laid out as Keras 2.9 writes them; `seqlab.load_keras_model` reads them with h5py
alone, and Keras itself loads them too. In the GRU the candidate's recurrent bias is zero, so that
it is exact to add the two biases, as the hand-out does.

| on the test pages | RNN | GRU |
|---|---|---|
| perplexity per character | {rnn["perplexity"]:.3f} | {gru["perplexity"]:.3f} |

The GRU's is {beside}. The test pages decided nothing: the number of passes was fixed
beforehand. On the original course's text, which is not here, the same recipes were measured to
reach 3.59 and 3.18, and the original's own weights 5.67 and 3.79.

## `problem2_model_parameters/`: the Bard

**`bpe1024.tiktoken`**: byte-pair encoding with 1024 tokens, in tiktoken's text format. Trained on
the whole Shakespeare text, where ties go to the pair that occurs first, it is the hand-out's
tokenizer: every rank agrees with the published fingerprint.

**`model_weights_D512L4H8.h5`**: the hand-out's Transformer, float32, under the parameter names of
the released checkpoint, trained on the first 90 % of the text. The last 10 % was cut into blocks of
128 tokens that share no context, and every token but the first predicted once:

| nats per character | |
|---|---|
| as trained | {losses["trained"]:.4f} |
| mantissas rounded to {bard["bits_of_mantissa"]} bits | {losses["rounded"]:.4f} |
| calibrated, as shipped | {losses["calibrated"]:.4f} |

**These weights are calibrated to print the hand-out's numbers.** The original weights may not be
shipped here, and weights that are trained again give other numbers. A last step therefore changes
what no text depends on:

- the embeddings and output rows of ids 0 to 4, control bytes that occur in no text,
- a direction in five rows of layer 0's `wo`,
- two hidden units of layer 0 that are active on no text.

So a class can compare its work with the hand-out, and the same notebook works with the original
weights. Every printed number holds to its last digit. `training/calibrate.py` says how, and the
table above what it cost.

## `gpt2/mini/`: a GPT-2 that fits in a repository

**`config.json`, `model.safetensors`**: GPT-2's architecture with 4 blocks of width 256, 4 heads, a
context of 256 and the tokenizer above, under Hugging Face's names. Trained on the same 90 %, it
reaches {mini["nats_per_character"]:.4f} nats per character on the rest, measured in the same way
with blocks of 256. `python -m seqlab fetch 124M` (`355M`, `774M`, `1558M`) adds OpenAI's own
checkpoints.

## What it took

| | time | passes or steps | machine |
|---|---|---|---|
{took}

![Loss of the Transformers by step, perplexity of RNN and GRU by passes](../docs/training.png)

## Files

| file | bytes | SHA-256 |
|---|---|---|
{listing}

The same list is in `SHA256SUMS`, for `sha256sum -c`; loaders compare it too.

## Your own files in their place

Set `COURSE_DATA` to another folder. It may hold the three folders above or their files side by
side, under the names above or those of the original course: `Agatha_Christie_train.txt`,
`Agatha_Christie_test.txt`, `model_weights_D512L4H8.npy`, `bpe1024_enc_full.pkl`. Pickles are read
by a reader that builds arrays and a tokenizer, and runs nothing else. Files that no `SHA256SUMS`
lists are not compared with any hash. GPT-2 may be Hugging Face's files or OpenAI's TensorFlow
checkpoint, below `gpt2/` or in the folder that `get_params("124M", "models")` names.
"""


def _last_galley(novel: Mapping[str, Any]) -> str:
    ratios = record.read("other_novels")["xz_ratio"]
    table = _beside(ratios | {"The Last Galley": novel["xz_ratio"], "Shakespeare's plays": 0.327})
    return f"""\
**`mystery_train.txt`, `mystery_test.txt`**: *The Last Galley*, a detective novel in the manner of
the golden age, written for this course with its own characters and plot; its chapters are in
`training/the_last_galley/`. It takes the place of a copyrighted book.

{_measures(novel)} Below are the same amount of Jane
  Austen's six novels and of Shakespeare's plays, prepared in the same way.
  `python -m training.novel --compare TEXT` takes any text.

{table}"""


def _own_text(title: str, novel: Mapping[str, Any]) -> str:
    return f"""\
**`mystery_train.txt`, `mystery_test.txt`**: {title}, a text of this course's own, put here by
`course rotate`. The curves below are still those of the novel that came with the course.

{_measures(novel)}"""


def _measures(novel: Mapping[str, Any]) -> str:
    return f"""\
- Prepared as the hand-out says: lower case, no digits, no line breaks, {
        novel["n_symbols"]
    } different
  symbols.
- {novel["n_train"]:,} characters to train on, and the last {novel["n_test"]:,}, which no model has
  seen, to test on.
- The longest passage that occurs twice has {len(novel["longest_repeat"])} characters.
- `xz -9e` compresses it to {novel["xz_ratio"]:.3f} of its size."""


def _beside(ratios: dict[str, float]) -> str:
    """Return a table of titles and ratios, the best compressed first."""
    ordered = sorted(ratios.items(), key=lambda pair: pair[1])
    rows = "\n".join(f"| *{title}* | {ratio:.3f} |" for title, ratio in ordered)
    return f"| text | `xz -9e` |\n|---|---|\n{rows}"


def _took(name: str, facts: Mapping[str, Any]) -> str:
    machine = facts["machine"]
    amount = facts.get("settings", {})
    done = amount.get("passes") or amount.get("steps") or "–"
    threads = f", {facts['threads']} thread(s)" if "threads" in facts else ""
    where = f"{machine['processor']}, {machine['cores']} cores{threads}"
    return f"| {name} | {duration(facts['seconds'])} | {done} | {where} |"


def main() -> None:
    """Write the page."""
    (paths.DATA / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    with stopping.stoppable():
        main()
