"""A test kernel that keeps nothing of a test, for machines with little memory.

Tests do not depend on each other: a test kernel that was lost is made again without them. So what a
test has bound is not needed once it is over. In a container of 768 MB the random models of one test
would otherwise still be there while the next one draws its own.
"""

import gc

from autograder.execution import test_requests
from autograder.execution.test_kernel import TestKernel
from minikernel.protocol import Array
from minikernel.server import Reply


class LowMemoryTestKernel(TestKernel):
    """A test kernel whose names are after a test what they were before it."""

    def _test(self, request: test_requests.TestRequest, arrays: list[Array]) -> Reply:
        names = self.shell.user_ns
        before = dict(names)
        reply = super()._test(request, arrays)
        for name in names.keys() - before.keys():
            del names[name]
        names.update(before)
        if self.student:
            self.student.calls.clear()
        gc.collect()
        return reply
