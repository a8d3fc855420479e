"""How strictly and with what a submission is graded, as nbgrader's configuration says.

The settings are traits, so ``c.Policy.cell_seconds = 60`` in ``nbgrader_config.py`` works for
``nbgrader autograde``, formgrader and ``course`` alike. Elsewhere, on other machines too, a policy
is what ``settings`` returns: plain values.

This module does not know how anything is graded.
"""

from typing import Any

from traitlets import Bool, Float, Int, Unicode
from traitlets.config import Configurable

PRELOAD = """
import io

import h5py, matplotlib.pyplot, numpy, pandas, seaborn, tiktoken, tqdm
import seqlab
from seqlab import checks, plots, plots_gpt2, turn_in

shared = {"transformer": seqlab.load_transformer_weights()}
for kind in ("RNN", "GRU"):
    shared[kind] = seqlab.load_keras_model(kind).get_weights()
shared["mini"] = seqlab.get_params("mini")[1]
seqlab.load_corpus(), seqlab.load_tokenizer()

# The first picture with text in it takes longest.
seaborn.heatmap(numpy.eye(3)).figure.savefig(io.BytesIO(), bbox_inches="tight")
matplotlib.pyplot.close("all")
"""


class Policy(Configurable):
    """Limits, what kernels have loaded before they start, and whether there is a sandbox."""

    cell_seconds = Float(180.0, help="how long a student's cell may run").tag(config=True)
    call_seconds = Float(60.0, help="how long a test may wait for a student's function").tag(
        config=True
    )
    test_seconds = Float(300.0, help="how long a test cell may run in all").tag(config=True)
    total_seconds = Float(1800.0, help="how long a submission may take in all").tag(config=True)
    restarts = Int(5, help="how often a student's lost process is made again").tag(config=True)
    memory = Int(3_000_000_000, help="bytes that the student's processes may hold together").tag(
        config=True
    )
    processes = Int(64, help="processes and threads of a student's kernel").tag(config=True)
    disk = Int(200_000_000, help="bytes that each writable folder of a kernel may hold").tag(
        config=True
    )
    answer_bytes = Int(128_000_000, help="bytes of arrays in one answer").tag(config=True)
    diagnosis_seconds = Float(
        4.0, help="how long to look for the reason when a test fails; 0: not at all"
    ).tag(config=True)
    draws = Bool(True, help="draw hidden inputs for each student, from the course's secret").tag(
        config=True
    )
    sandbox = Bool(True, help="run students' code in a sandbox, or not at all").tag(config=True)
    demos = Bool(False, help="also run the cells tagged demo").tag(config=True)
    preload = Unicode(
        PRELOAD,
        help="Python that both kernels' fork servers run once; arrays in its dictionary `shared` "
        "are handed to tests and students without being sent",
    ).tag(config=True)

    def settings(self) -> dict[str, Any]:
        """Return every setting as a plain value."""
        return {name: getattr(self, name) for name in sorted(self.trait_names(config=True))}
