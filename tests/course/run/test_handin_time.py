"""A timestamp.txt is read if it has one meaning, and one that has none breaks nothing."""

import codecs
from datetime import datetime

import pytest

from course.run import handin_time

SIX = datetime(2026, 11, 20, 18)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20 18:00:00 UTC",
        "2026-11-20 18:00:00.000000 UTC\n",
        "2026-11-20 18:00",
        "2026-11-20T18:00:00Z",
        "2026-11-20 19:00:00.000000 +0100",
        "2026-11-20 19:00:00 +01:00",
        "2026-11-20T13:00:00-05:00",
        "2026-11-20 19:00:00 CET",
        "2026-11-20 19:00:00 Europe/Berlin",
        "11/20/2026 6:00 PM",
        "11/20/2026 6 PM",
        "20.11.2026 18:00",
        "20 November 2026 18:00",
        "Fri Nov 20 18:00:00 2026",
        "Fri, 20 Nov 2026 18:00:00 GMT",
    ],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_what_has_one_meaning_is_read(text, mark):
    assert handin_time.read(mark + text.encode()) == SIX


def test_what_windows_writes_is_read():
    assert handin_time.read("2026-11-20 18:00 UTC\r\n".encode("utf-16")) == SIX


def test_microseconds_and_days_before_the_thirteenth_stay_what_they_are():
    time = handin_time.read(b"2026-05-06 18:00:00.250000 +0100")
    assert time == datetime(2026, 5, 6, 17, 0, 0, 250_000)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" \n",
        codecs.BOM_UTF8,
        b"yesterday",
        b"05/06/2026 18:00",
        b"05.06.2026 18:00",
        b"20/11/12 18:00",
        b"2026-11-20",
        b"18:00",
        b"Nov 20 18:00",
        b"1763661600",
        b"2026-11-20 25:00",
        b"2026-02-30 18:00",
        b"2026-11-20 18:00 Mars",
        b"2026-11-20 18:00 Mars/Base",
        b"2026-11-20 18:00 UTC\n2026-11-21 18:00 UTC",
        b"\xff\xfe\x00",
        b"\x80\x81",
        b"9" * 5000,
        b"2026-11-20 18:00 UTC" + b" " * 100 + b"x",
    ],
)
def test_what_has_no_meaning_or_two_is_refused_in_one_line(raw):
    with pytest.raises(ValueError, match=r"^timestamp\.txt") as caught:
        handin_time.read(raw)
    assert len(str(caught.value).splitlines()) == 1
    assert "write" in str(caught.value)
