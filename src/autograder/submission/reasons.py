"""Why a submission is not graded as it was handed in: what was repaired, what cannot be read."""

NAMED = 150  # places that a reason lists


class Unreadable(Exception):  # noqa: N818 (it is the file that is in error)
    """The submission cannot be graded; the message says why, in one line."""


class Reasons:
    """What was repaired: a line for each kind of repair, with the places where it was done.

    >>> reasons = Reasons()
    >>> reasons.add("restored deleted cells", "a-setup")
    >>> reasons.add("restored deleted cells", "a-demo")
    >>> reasons.lines()
    ('restored deleted cells: a-setup, a-demo',)
    """

    def __init__(self) -> None:
        self._places: dict[str, dict[str, None]] = {}

    def add(self, repair: str, place: str = "") -> None:
        """Note a repair, and the place where it was done if it has one."""
        places = self._places.setdefault(repair, {})
        if place:
            places[place] = None

    def lines(self) -> tuple[str, ...]:
        """Return the lines, in the order in which the kinds first came up."""
        return tuple(_line(repair, list(places)) for repair, places in self._places.items())


def _line(repair: str, places: list[str]) -> str:
    named = ", ".join(places[:NAMED])
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return f"{repair}: {named}{more}" if places else repair


def one_line(text: object, length: int = 60) -> str:
    """Return a student's text in a form that can stand in a message."""
    printable = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * length])
    words = " ".join(printable.split())
    return words if len(words) <= length else words[: length - 1] + "…"
