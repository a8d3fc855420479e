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
from seqlab import data_files, gpt2_weights, published
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
    return "RNN and GRU fit the text's alphabet"


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


CHECKS: dict[str, Callable[[], str]] = {
    "files": _hashes,
    "novel": _corpus,
    "RNN and GRU": _recurrent,
    "tokenizer": _tokenizer,
    "Transformer": _transformer,
    "GPT-2 mini": _mini,
    "GPT-2 originals": _fetched,
}

# What a check reads. A check is skipped if the list of hashes names no such file, as in a folder
# that was handed out for one assignment.
READS = {
    "novel": "problem1_data/",
    "RNN and GRU": "problem1_data/",
    "tokenizer": "problem2_model_parameters/bpe",
    "Transformer": "problem2_model_parameters/model_weights",
    "GPT-2 mini": "gpt2/mini/",
}


def verify(say: Callable[[str], None] = print) -> bool:
    """Run every check, report it in one line, and return whether all passed."""
    passed = True
    for name, check in CHECKS.items():
        if _is_elsewhere(name):
            say(f"--      {name}: not part of this folder")
            continue
        try:
            say(f"ok      {name}: {check()}")
        except DataError as error:
            passed = False
            say(f"WRONG   {name}: {error}")
    return passed


def _is_elsewhere(check: str) -> bool:
    """Return whether the files that a check reads do not belong to this folder."""
    try:
        root = data_files.data_dir()
        sums = data_files.read_sums(root)
    except DataError:
        return False
    has_list = (root / data_files.SUMS).is_file()
    return has_list and check in READS and not any(name.startswith(READS[check]) for name in sums)


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
