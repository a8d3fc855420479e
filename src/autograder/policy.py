"""How strictly a submission is graded: limits, what kernels have loaded, sandbox or not.

``c.Policy.cell_seconds = 60`` in ``nbgrader_config.py`` sets one of them, for every way to grade.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from autograder.assignment import did_you_mean


@dataclass(frozen=True)
class Policy:
    """What a submission may take, and what it is graded with.

    Example:
        >>> Policy.from_json({"cell_seconds": 60}).cell_seconds
        60.0
    """

    cell_seconds: float = 180.0  # how long a student's cell may run
    call_seconds: float = 60.0  # how long a test may wait for a student's function
    test_seconds: float = 300.0  # how long a test cell may run in all
    total_seconds: float = 1800.0  # how long a submission may take in all
    reading_seconds: float = 60.0  # how long reading and mending a notebook may take
    reading_memory: int = 2_000_000_000  # bytes that this may take
    restarts: int = 5  # how often a student's lost kernel is made again
    memory: int = 3_000_000_000  # bytes that the student's processes may hold together
    test_memory: int = 5_000_000_000  # bytes that the test kernel may hold
    processes: int = 64  # processes and threads of a student's kernel
    disk: int = 200_000_000  # bytes that each writable folder of a kernel may hold
    answer_bytes: int = 128_000_000  # bytes of arrays in one answer
    diagnosis_seconds: float = 4.0  # how long to look for the reason of each failed test; 0: not
    # The share of a test's points that are given where it passes with the course's functions in
    # place of earlier ones of the student's that are wrong; 0: only what passes as it is counts.
    follow_through: float = 1.0
    draws: bool = True  # draw hidden inputs for each student, from the course's secret
    sandbox: bool = True  # run students' code in a sandbox, or not at all
    demos: bool = False  # also run the cells tagged demo
    # Python that both kernels' fork servers run once; arrays in its dictionary `shared` are handed
    # to tests and students without being sent. By default what assignment.toml names.
    preload: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = _checked(field.name, getattr(self, field.name), type(field.default))
            object.__setattr__(self, field.name, value)
        if self.follow_through > 1:
            raise ValueError(
                f"Policy.follow_through is {self.follow_through:g}: give a share from 0 to 1"
            )

    def to_json(self) -> dict[str, float | bool | str]:
        """Return every setting by its name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Policy":
        """Return a policy of settings by name; those that are missing have their defaults.

        Raises:
            ValueError: there is no such setting, or its value is of another type.
        """
        names = [field.name for field in fields(cls)]
        for name in values.keys() - {*names}:
            raise ValueError(f"Policy has no {name}{did_you_mean(name, names)}")
        return cls(**values)


def _checked(name: str, value: object, kind: type) -> object:
    """Return a setting's value; a whole number of seconds is one, too."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"Policy.{name} is {value!r}, and {kind.__name__} is expected")
    if isinstance(value, int | float) and not value >= 0:
        raise ValueError(f"Policy.{name} is {value!r}, and 0 or more is expected")
    return value
