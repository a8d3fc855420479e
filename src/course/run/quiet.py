"""Settings of every process that grades."""

import logging
import warnings


def quieten() -> None:
    """Silence the warnings of nbgrader's libraries, which are for their developers."""
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"nbgrader\.")  # of its database layer
