"""Some dozen mutated submissions; ``make fuzz`` tries 2,000."""

import pytest

from tests import fuzz

pytestmark = pytest.mark.filterwarnings("ignore")  # nbformat's about ids


def test_mutated_submissions_end_as_notebooks_or_reasons():
    outcomes = [fuzz.outcome(number) for number in range(40)]
    assert set(outcomes) == {"prepared", "refused", "unreadable"}


def test_the_same_number_gives_the_same_submission():
    assert fuzz.submission(7) == fuzz.submission(7)
    assert fuzz.submission(7) != fuzz.submission(8)
