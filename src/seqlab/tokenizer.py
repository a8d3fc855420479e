"""The byte-pair encodings of the course as ``tiktoken.Encoding``: Shakespeare's and GPT-2's."""

import base64
from pathlib import Path

import tiktoken

from seqlab import data_files, pickles
from seqlab.errors import DataError

GROUP = "problem2_model_parameters"
NAMES = ("bpe1024.tiktoken", "bpe1024_enc_full.pkl")  # ours, then the original

# How GPT-2 cuts text into words before any merge (Radford et al. 2019): contractions, then runs of
# letters, of digits or of anything else, with the space before them.
SPLIT_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def load_tokenizer() -> tiktoken.Encoding:
    """Return the tokenizer of problem 2: 1024 tokens, ids 0 to 255 the single bytes.

    Example:
        >>> load_tokenizer().decode(load_tokenizer().encode("What's in a name?"))
        "What's in a name?"

    Raises:
        DataError: the file is missing, changed, or not a tokenizer.

    Source: assignment 5, "Tokenizer".
    """
    path = data_files.find(GROUP, *NAMES)
    if path.suffix == ".pkl":
        return pickles.read_encoding(path)
    ranks = dict(data_files.remember(read_ranks, path))  # the encoding keeps this dictionary
    return tiktoken.Encoding(
        path.stem, pat_str=SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )


def read_ranks(path: Path) -> dict[bytes, int]:
    """Return ``{token bytes: id}`` from tiktoken's format, lines of a token in base64 and a rank.

    tiktoken's own reader keeps a copy in the temporary folder and returns it even after the file
    has changed.
    """
    try:
        pairs = (line.split() for line in path.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except ValueError as error:
        raise DataError(f"{path} is not a list of tokens and ranks: {error}") from None
    if sorted(ranks.values()) != list(range(len(ranks))) or len(ranks) < 256:
        raise DataError(f"{path} lacks some ranks: it was cut short or edited")
    return ranks
