import hashlib
import itertools

import pytest
import regex
import tiktoken

import seqlab
from seqlab import published, tokenizer
from seqlab.errors import DataError
from training import bpe, segment

TEXT = "low lower lowest, newer newest wider widest; the lowest of the low"


def test_the_published_text_has_the_published_ids():
    encoding = seqlab.load_tokenizer()
    assert isinstance(encoding, tiktoken.Encoding)
    assert encoding.encode(published.TOKENIZER_TEXT) == published.TOKEN_IDS
    assert encoding.decode(published.TOKEN_IDS) == published.TOKENIZER_TEXT


def test_the_ranks_have_the_published_fingerprint():
    encoding = seqlab.load_tokenizer()
    lines = [f"{encoding.decode_single_token_bytes(i).hex()} {i}" for i in range(1024)]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest == published.RANKS_SHA256


def test_training_on_the_text_gives_these_ranks(shakespeare):
    ranks = bpe.train(shakespeare, 1024, tokenizer.SPLIT_PATTERN)
    encoding = seqlab.load_tokenizer()
    assert ranks == {encoding.decode_single_token_bytes(i): i for i in range(1024)}


def naive_bpe(text, n_vocab):
    """Count everything afresh for each merge; the first of the most frequent pairs wins."""
    words = [list(word.encode()) for word in regex.findall(tokenizer.SPLIT_PATTERN, text)]
    tokens = [bytes([b]) for b in range(256)]
    while len(tokens) < n_vocab:
        counts = {}
        for word in words:
            for pair in itertools.pairwise(word):
                counts[pair] = counts.get(pair, 0) + 1
        pair = max(counts, key=counts.get)
        words = [bpe.merge(word, pair, len(tokens)) for word in words]
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
    return {token: i for i, token in enumerate(tokens)}


@pytest.mark.parametrize(
    ("text", "n"), [(TEXT, 270), (TEXT[::-1], 270), ("aaaa aaa aaaaaa", 261), ("ab ab cd cd", 259)]
)
def test_the_incremental_trainer_agrees_with_counting_afresh(text, n):
    assert bpe.train(text, n, tokenizer.SPLIT_PATTERN) == naive_bpe(text, n)


def test_a_text_too_short_for_the_vocabulary_is_an_error():
    with pytest.raises(ValueError, match="gives only 257 tokens"):
        bpe.train("ab", 300, tokenizer.SPLIT_PATTERN)


def test_a_list_of_ranks_with_a_hole_is_an_error(tmp_path):
    path = tmp_path / "few.tiktoken"
    path.write_text("IQ== 0\nIg== 2\n")
    with pytest.raises(DataError, match="lacks some ranks"):
        tokenizer.read_ranks(path)


def test_a_list_of_ranks_that_is_none_is_an_error(tmp_path):
    path = tmp_path / "none.tiktoken"
    path.write_text("to be or not to be")
    with pytest.raises(DataError, match="not a list of tokens and ranks"):
        tokenizer.read_ranks(path)


def test_an_edited_tokenizer_is_read_afresh(data):
    """tiktoken's reader would go on returning the file's first content."""
    path = data / "problem2_model_parameters" / "bpe1024.tiktoken"
    before = tokenizer.read_ranks(path)
    path.write_text(
        path.read_text()
        .replace(" 300\n", " X\n")
        .replace(" 301\n", " 300\n")
        .replace(" X\n", " 301\n")
    )
    assert tokenizer.read_ranks(path) != before


@pytest.mark.parametrize("drop", [0.0, 0.1, 0.5])
def test_every_segmentation_spells_the_text(drop):
    import numpy as np

    encoding = seqlab.load_tokenizer()
    ranks = {encoding.decode_single_token_bytes(i): i for i in range(encoding.n_vocab)}
    rng = np.random.default_rng(1)
    text = published.TOKENIZER_TEXT * 3
    drawn = segment.Segmenter(text, ranks, tokenizer.SPLIT_PATTERN, drop, rng).draw(rng)
    assert encoding.decode(drawn.tolist()) == text
    assert (drawn.tolist() == encoding.encode(text)) == (drop == 0)
