"""What runs inside a kernel: IPython, a protocol, and the fork server that kernels come from.

A kernel runs cells and answers calls. Students' code can see this package and nothing else of
the autograder, so it holds no solution and no test, and does not know what is graded or how.
"""
