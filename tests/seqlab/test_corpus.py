from pathlib import Path

import pytest

import seqlab
from training import novel

PROMPT = "mrs. oliver looked at herself in the glass. she gave a brief, sideways look"


def test_the_corpus_is_as_long_as_promised():
    train, test = seqlab.load_corpus()
    assert len(train) >= 200_000
    assert len(test) >= 7_000


def test_the_alphabet_has_44_symbols_and_encodes_the_documents_prompt():
    train, test = seqlab.load_corpus()
    assert sorted(set(train + test)) == sorted(novel.ALPHABET)
    assert len(set(train + test)) == 44
    assert set(PROMPT) <= set(train)


def test_the_files_are_the_chapters_preprocessed():
    train, test = seqlab.load_corpus()
    assert train + test == novel.read()
    assert novel.split(train + test) == (train, test)


def test_preprocessing_lowers_the_case_and_drops_digits_and_line_breaks():
    assert novel.preprocess("Chapter 12:\n\nThe  End\n") == "chapter : the end"


def test_an_unknown_symbol_in_a_chapter_is_named(tmp_path: Path):
    (tmp_path / "01.txt").write_text("a caf\u00e9", encoding="utf-8")
    with pytest.raises(SystemExit, match="\u00e9"):
        novel.read(tmp_path)


def test_no_passage_of_150_characters_occurs_twice():
    assert len(novel.longest_repeat("".join(seqlab.load_corpus()))) < 150


def test_the_longest_repeat_of_a_known_text_is_found():
    assert novel.longest_repeat("xx the same words yy the same words zz") == " the same words "
    assert novel.longest_repeat("abc") == ""
    assert novel.longest_repeat("aaaa") == "aaa"


def test_the_novel_compresses_like_prose_and_not_like_a_template():
    """Text from a template, or written by a small model over and over, falls far below 0.3."""
    assert novel.xz_ratio("".join(seqlab.load_corpus())) > 0.31


def test_the_novel_compresses_within_five_percent_of_as_much_shakespeare(shakespeare):
    ours = "".join(seqlab.load_corpus())
    theirs = novel.preprocess(shakespeare)[: len(ours)]
    assert novel.xz_ratio(ours) > 0.95 * novel.xz_ratio(theirs)
