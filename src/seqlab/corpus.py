"""The novel of problem 1: the text to train on, and its last pages, unseen, to test on."""

from pathlib import Path

from seqlab import data_files
from seqlab.errors import DataError

GROUP = "problem1_data"
TRAIN = ("mystery_train.txt", "Agatha_Christie_train.txt")  # ours, then the original's name
TEST = ("mystery_test.txt", "Agatha_Christie_test.txt")


def load_corpus() -> tuple[str, str]:
    """Return the training text and the test text, lower case and without line breaks or digits.

    Example:
        >>> train, test = load_corpus()
        >>> len(train) > len(test) > 0
        True

    Raises:
        DataError: a file is missing, changed, empty or not UTF-8.

    Source: assignment 5, problem 1.
    """
    train, test = (data_files.find(GROUP, *names) for names in (TRAIN, TEST))
    return data_files.remember(_read, train), data_files.remember(_read, test)


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start})"
        ) from None
    if not text.strip():
        raise DataError(f"{path} is empty")
    return text
