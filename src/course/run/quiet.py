"""Process-wide settings of whatever process of ours grades.

This module does not know what is graded.
"""

import logging
import warnings


def quieten() -> None:
    """Silence what nbgrader's libraries say to developers, in this process and its kernels."""
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"nbgrader\.")  # its database layer is talkative
