"""The settings of Gradescope's container: limits, who sees what, what inputs are drawn with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from autograder.checked_json import construct, typed
from autograder.output_settings import Settings
from autograder.policy import Policy


@dataclass(frozen=True)
class ContainerSettings:
    """How submissions are graded in the container, and what students see of it.

    Attributes:
        visibility: who sees hidden tests: one of options.VISIBILITIES
        policy: limits that the container can bear
        preprocessors: nbgrader's settings of IgnorePattern and LimitOutput
        draws: what hidden inputs are drawn with, hexadecimal
    """

    visibility: str
    policy: Policy
    preprocessors: Settings
    draws: str

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON takes them."""
        return {**asdict(self), "policy": self.policy.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ContainerSettings":
        """Return the settings that ``to_json`` gave these values of.

        Raises:
            ValueError: they are none.
        """
        return construct(cls, {**values, "policy": Policy.from_json(typed(values, "policy", dict))})
