"""Check that the course's files are unchanged, load, and give the documents' numbers.

No check may hold what students are to write. So attention is checked on equal rows, where it
returns its values whatever its weights are, and staff's tests check the one printed value that
needs the whole model, ``transformer([0, 1, 2])``.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import seqlab
from seqlab import corpus, data_files, gpt2_weights, keras_files, published, tokenizer, transformer
from seqlab.errors import DataError


def _hashes() -> str:
    root = data_files.data_dir()
    sums = data_files.read_sums(root)
    if not (root / data_files.SUMS).is_file():
        return f"{root} has no {data_files.SUMS}: nothing to compare with"
    for name, digest in sums.items():
        path = root / name
        if not path.is_file():
            raise DataError(f"{path} is missing, and {data_files.SUMS} lists it")
        if data_files.sha256(path) != digest:
            raise DataError(f"{path} was changed or cut short (its SHA-256 differs)")
    return f"{len(sums)} files unchanged"


def _corpus() -> str:
    train, test = seqlab.load_corpus()
    n = len(set(train + test))
    return f"{len(train):,} characters to train on, {len(test):,} to test on, {n} different"


def _recurrent() -> str:
    train, test = seqlab.load_corpus()
    n_vocab = len(set(train + test))
    for kind in ("RNN", "GRU"):
        model = seqlab.load_keras_model(kind)
        if (model.layers[0].n_inputs, model.layers[-1].n_units) != (n_vocab, n_vocab):
            raise DataError(f"the {kind} reads another alphabet than the text's {n_vocab} symbols")
    _, _, (_, recurrent), *_ = seqlab.load_keras_model("GRU").get_weights()
    candidate = np.split(recurrent, 3)[2]
    return "RNN and GRU fit the text's alphabet" + (TWO_BIASES if candidate.any() else "")


def _tokenizer() -> str:
    encoding = seqlab.load_tokenizer()
    ranks = [(encoding.decode_single_token_bytes(i), i) for i in range(encoding.n_vocab)]
    listing = "\n".join(f"{token.hex()} {rank}" for token, rank in ranks)
    if hashlib.sha256(listing.encode()).hexdigest() != published.RANKS_SHA256:
        raise DataError("the tokenizer's ranks are not those of the document's tokenizer")
    if encoding.encode(published.TOKENIZER_TEXT) != published.TOKEN_IDS:
        raise DataError("the tokenizer does not give the document's token ids")
    return "ranks and token ids as published"


def _transformer() -> str:
    params = seqlab.load_transformer_weights()
    ones = np.ones(params["word_embedding.weight"].shape[1])
    first = "layers.0."
    wv, wo = (params[f"{first}attention.{w}.weight"] for w in ("wv", "wo"))
    w1, w2 = (params[f"{first}feed_forward.{i}.weight"] for i in (0, 2))
    checks = [
        ("embed_tokens", params["word_embedding.weight"][1:4], published.EMBED_TOKENS),
        ("multi_head_attention", [wo @ (wv @ ones)] * 3, published.ATTENTION),
        ("mlp", [w2 @ (w1 @ ones).clip(min=0)] * 3, published.MLP),
        (
            "prediction_head",
            [params["fc_out.weight"] @ ones + params["fc_out.bias"]] * 3,
            published.PREDICTION_HEAD,
        ),
    ]
    for name, values, expected in checks:
        published.require(name, np.asarray(values)[:3, :5], expected)
    return "embedding, attention, MLP and prediction head give the printed values"


def _mini() -> str:
    hparams, params = seqlab.get_params("mini")
    if hparams["n_vocab"] != seqlab.get_encoder("mini").n_vocab:
        raise DataError("mini reads another vocabulary than the tokenizer's")
    return f"{len(params['blocks'])} blocks of width {hparams['n_embd']}"


def _fetched() -> str:
    root = data_files.group_dir(gpt2_weights.GROUP)
    sizes = [size for size in gpt2_weights.SIZES if gpt2_weights.is_model(root / size)]
    for size in sizes:
        for name, digest in data_files.read_sums(root / size).items():
            if data_files.sha256(root / size / name) != digest:
                raise DataError(f"{root / size / name} is damaged: fetch {size} again")
        seqlab.get_params(size)
    return ", ".join(sizes) + " unchanged" if sizes else "none fetched"


# The document adds Keras' two biases. In the candidate of a GRU that is another formula, unless the
# recurrent one is zero.
TWO_BIASES = (
    "; the GRU's candidate has a recurrent bias: the document's formula, which adds both biases, "
    "and Keras give different numbers"
)

CHECKS: dict[str, Callable[[], str]] = {
    "files": _hashes,
    "novel": _corpus,
    "RNN and GRU": _recurrent,
    "tokenizer": _tokenizer,
    "Transformer": _transformer,
    "GPT-2 mini": _mini,
    "GPT-2 originals": _fetched,
}

# What a check reads: a folder, and the names that each of its files may have, the course's own and
# the original's. A check is skipped if none of them belongs to the data, as in a folder that was
# handed out for one assignment, or that holds the original course's files.
READS: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "novel": (corpus.GROUP, (corpus.TRAIN, corpus.TEST)),
    "RNN and GRU": (keras_files.GROUP, keras_files.NAMES),
    "tokenizer": (tokenizer.GROUP, (tokenizer.NAMES,)),
    "Transformer": (transformer.GROUP, (transformer.NAMES,)),
    "GPT-2 mini": (f"{gpt2_weights.GROUP}/mini", (("config.json",), ("model.safetensors",))),
}


def verify(say: Callable[[str], None] = print) -> bool:
    """Run every check, report it in one line, and return whether all passed."""
    passed = True
    here = [name for name in CHECKS if not _is_elsewhere(name)]
    for name, check in CHECKS.items():
        if name not in here:
            say(f"--      {name}: not part of this folder")
            continue
        try:
            say(f"ok      {name}: {check()}")
        except DataError as error:
            passed = False
            say(f"WRONG   {name}: {error}")
    if not _has_list() and not READS.keys() & {*here}:
        say(f"WRONG   {data_files.data_dir()} holds none of the course's files")
        return False
    return passed


def _has_list() -> bool:
    try:
        return (data_files.data_dir() / data_files.SUMS).is_file()
    except DataError:
        return False


def _is_elsewhere(check: str) -> bool:
    """Return whether the files that a check reads do not belong to this folder."""
    try:
        root = data_files.data_dir()
    except DataError:
        return False
    if check not in READS:
        return False
    group, files = READS[check]
    if _has_list():
        names = {f"{group}/{name}" for names in files for name in names}
        return not names & data_files.read_sums(root).keys()
    return not any(_find(root, group, names) for names in files)


def _find(root: Path, group: str, names: tuple[str, ...]) -> Path | None:
    """Return the first of some files that is in a group's folder, or beside all others."""
    place = data_files.place(root, group)
    return next((place / name for name in names if (place / name).is_file()), None)


def data_of(root: Path, entry: str) -> dict[str, Path]:
    """Return the files that an entry of assignment.toml names, by their names below ``data/``.

    A file of the original course stands for ours, and all of them may lie side by side.

    Args:
        root: the data folder
        entry: a file or a folder below it, e.g. ``problem1_data``
    """
    inside = (path for path in course_files(root) if path.is_relative_to(root / entry))
    if files := {path.relative_to(root).as_posix(): path for path in inside}:
        return files
    return {
        f"{group}/{path.name}": path
        for group, alternatives in READS.values()
        for names in alternatives
        if entry == group or entry in (f"{group}/{name}" for name in names)
        if (path := _find(root, group, names))
    }


def course_files(root: Path) -> Iterator[Path]:
    """Yield the files of the data folder ``root`` in order.

    Pages for readers, hidden files and models that were fetched are left out.
    """
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root).parts
        is_ours = not any(part.startswith(".") or part in gpt2_weights.SIZES for part in inside)
        if is_ours and path.is_file() and path.name not in (data_files.SUMS, "README.md"):
            yield path


def write_sums(root: Path) -> None:
    """List the files of the data folder ``root`` with their hashes."""
    lines = [
        f"{data_files.sha256(path)}  {path.relative_to(root).as_posix()}\n"
        for path in course_files(root)
    ]
    (root / data_files.SUMS).write_text("".join(lines), encoding="utf-8")
