"""When a submission was handed in, as its timestamp.txt says.

nbgrader writes ``2026-11-20 18:00:00.000000 UTC``; staff write what they are used to. What has one
meaning is read. What has none, or two, is refused, since lateness costs marks.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import product

import dateutil.parser
from dateutil.tz import gettz

FILE = "timestamp.txt"
EXAMPLE = "2026-11-20 18:00:00 UTC"
LONGEST = 80  # characters
FILLERS = datetime(2001, 1, 1, 1), datetime(2002, 2, 2, 2)  # for what a text leaves out
YEAR_FIRST = re.compile(r"\d{4}\D?\d\d?\D?\d\d?")


def read(raw: bytes) -> datetime:
    """Return the time in UTC, without a zone, as nbgrader's gradebook has it.

    >>> read(b"11/20/2026 6:00 PM +0100")
    datetime.datetime(2026, 11, 20, 17, 0)

    Raises:
        ValueError: it is no time, or may be two; the message says which.
    """
    text = raw.decode(json.detect_encoding(raw), errors="replace").strip()
    if not text:
        raise ValueError(f"{FILE} is empty: write a time such as {EXAMPLE}")
    shown = ascii(text[:40])
    try:
        times = set(_readings(text[: LONGEST + 1]))
    except (ValueError, OverflowError):
        times = set()
    if len(times) == 1 and len(text) <= LONGEST:
        return times.pop()
    problem = "may be several times" if times else "is no date with a time"
    raise ValueError(f"{FILE}: {shown} {problem}: write it as {EXAMPLE}")


def _readings(text: str) -> Iterator[datetime]:
    """Yield the times that a text may stand for: several if it lacks its date, or has no order."""
    orders = [(False, False)] if YEAR_FIRST.match(text) else [*product((False, True), repeat=2)]
    rest, _, last = text.rpartition(" ")
    zone = gettz(last) if "/" in last and rest else None  # Europe/Berlin
    for filler, (day, year) in product(FILLERS, orders):
        time = dateutil.parser.parse(
            rest if zone else text, default=filler, dayfirst=day, yearfirst=year, tzinfos=_zone
        )
        time = time.replace(tzinfo=time.tzinfo or zone or UTC)
        yield time.astimezone(UTC).replace(tzinfo=None)


def _zone(name: str | None, offset: int | None) -> tzinfo | None:
    """Return a zone by its name, such as CET, or by seconds from UTC; None if there are neither.

    Raises:
        ValueError: it is unknown.
    """
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    zone = gettz(name) if name else None
    if name and zone is None:
        raise ValueError(f"{name} is no time zone")
    return zone
