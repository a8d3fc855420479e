"""Whether marks depend on what is drawn: each variant's tests, many times over, with other inputs.

In kernels a thousand draws of a catalogue would take days. Here a variant and its tests share a
process, and only what can differ is repeated. A test is first tried ``AGREED`` times without its
hidden parts. Where it always fails, no draw can change the mark. Where it never does, everything
from the first hidden part on is run for every draw, or ``UNDRAWN`` times where hidden parts draw
nothing: there only what a student's function draws itself can differ.

The catalogue's code is run without a sandbox: it is the course's own.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import active_children, get_context
from pathlib import Path

import nbformat

from autograder import regions
from autograder.cells import is_test
from course.test_quality import one_process
from course.test_quality.mutation import Trials, Variant
from course.test_quality.one_process import Space
from seqlab import draws

AGREED = 5  # runs of a visible part that have to come out alike
UNDRAWN = 100  # runs of hidden parts that draw nothing: their own chances stand beside them


@dataclass(frozen=True)
class DrawCount:
    """How often a variant failed a test.

    Attributes:
        variant, test: their names
        draws: how many inputs were drawn; 0 if the visible part decides
        failed: with how many of them the test failed
        must_fail: whether it must, by the catalogue
        reason: the first failure's message
    """

    variant: str
    test: str
    draws: int
    failed: int
    must_fail: bool
    reason: str = ""

    @property
    def is_settled(self) -> bool:
        """Return whether every draw gave the mark that the catalogue says."""
        if self.draws == 0:
            return bool(self.failed) == self.must_fail
        return self.failed == (self.draws if self.must_fail else 0)


def run(
    trials: Trials, chosen: Sequence[Variant], draws: int, workers: int, kept: Path
) -> Iterator[list[DrawCount]]:
    """Yield, for each variant, how often each test of its own cell failed.

    Args:
        trials: of the assignment
        chosen: the variants
        draws: how many inputs are drawn
        workers: how many processes work at a time
        kept: a file of results, a JSON line for each variant, from which an interrupted run goes on
    """
    known = dict(_read(kept))
    waiting = {}
    for variant in chosen:
        own = [t for t in trials.own(variant.cell) if t in {x.name for x in trials.tests}]
        source = trials.notebook(variant, own)
        name = hashlib.sha256(json.dumps([source, draws, sorted(variant.fails)]).encode())
        if (key := name.hexdigest()[:20]) in known:
            yield known[key]
        else:
            waiting[key] = (source, variant.name, sorted(variant.fails), draws)
    kept.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of the processes: there are enough
    with (
        ProcessPoolExecutor(workers, get_context("spawn"), one_process.begin) as pool,
        kept.open("a", encoding="utf-8") as file,
    ):
        futures = {pool.submit(tried, *job): key for key, job in waiting.items()}
        try:
            for future in as_completed(futures):
                counts = future.result()
                line = [futures.pop(future), [asdict(count) for count in counts]]
                file.write("\n" + json.dumps(line))  # the last one may have been cut short
                file.flush()
                yield counts
        except BaseException:  # Ctrl-C too: a variant may take minutes, and nobody waits for it
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.kill()
                process.join()
            raise


def tried(source: str, variant: str, fails: Sequence[str], n: int) -> list[DrawCount]:
    """Return how often a notebook's tests fail.

    Args:
        source: the notebook, as JSON
        variant: its name
        fails: the tests that must fail
        n: how many inputs are drawn
    """
    counts = []
    space: Space = {"__name__": "__main__"}
    for cell in nbformat.reads(source, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        if is_test(cell):
            failed, drawn, reason = _tested(cell.source, space, n)
            counts.append(DrawCount(variant, cell.id, drawn, failed, cell.id in fails, reason))
        else:
            one_process.failure(cell.source, space)  # which the tests will notice
    return counts


def _tested(source: str, space: Space, n: int) -> tuple[int, int, str]:
    """Return how often a test fails, of how many draws, and its first message."""
    hidden = regions.find(source, regions.HIDDEN_TESTS)
    visible = regions.without(source, regions.HIDDEN_TESTS)
    messages = [one_process.apart(visible, space) for _ in range(AGREED)]
    if not hidden or all(messages):
        return sum(map(bool, messages)), 0, next(filter(None, messages), "")
    lines, first = source.splitlines(keepends=True), hidden[0].first - 1
    before, rest = "".join(lines[:first]), "".join(lines[first:])
    repeated = any(messages)  # the visible part comes out differently by itself
    ready = dict(space)
    if not repeated:
        one_process.failure(before, ready)
    failed, reason = 0, ""
    n = n if "draws" in rest or "hidden_tests" in rest else min(n, UNDRAWN)
    for draw in range(n):
        draws.use_key(draw.to_bytes(4, "big"))
        if message := one_process.apart(source if repeated else rest, ready):
            failed, reason = failed + 1, reason or message
    draws.use_key(b"")
    return failed, n, reason


def _read(kept: Path) -> Iterator[tuple[str, list[DrawCount]]]:
    """Yield the results in a file; a line that was cut short is passed over."""
    for line in kept.read_text("utf-8").splitlines() if kept.is_file() else ():
        with contextlib.suppress(ValueError, TypeError):
            key, counts = json.loads(line)
            yield key, [DrawCount(**count) for count in counts]


def table(counts: Sequence[DrawCount]) -> str:
    """Return what was tried, in a few lines, and every pair whose mark depends on the draw."""
    loose = [count for count in counts if not count.is_settled]
    drawn = [count for count in counts if count.draws]
    totals: Mapping[str, int] = {
        "pairs of a variant and a test": len(counts),
        "decided by the visible part, whatever is drawn": len(counts) - len(drawn),
        "hidden parts run": sum(count.draws for count in drawn),
        "pairs whose mark depends on the draw": len(loose),
    }
    lines = [f"{n:>9,}  {what}" for what, n in totals.items()]
    for count in sorted(loose, key=lambda count: count.variant):
        must = "fail" if count.must_fail else "pass"
        lines.append(
            f"{count.variant}, {count.test}: failed {count.failed} of {count.draws or AGREED}"
            f", must {must}: {count.reason}"
        )
    return "\n".join(lines)
