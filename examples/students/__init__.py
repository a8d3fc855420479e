"""What the students wrote: solutions and answers, as sources by cell id.

These modules do not know what the notebooks look like or what is done with them.
"""


def edited(source: str, *changes: tuple[str, str]) -> str:
    """Return ``source`` with each ``(old, new)`` replaced; a mistake is told by what it changes.

    Raises:
        ValueError: an old text does not occur exactly once.
    """
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"{old!r} occurs {source.count(old)} times in {source[:60]!r}")
        source = source.replace(old, new)
    return source
