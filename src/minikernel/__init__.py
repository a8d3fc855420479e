"""What runs inside a kernel: IPython, a protocol, and the fork server that kernels come from.

A kernel runs cells and answers calls. This package is all of the course's grading that a student's
code can see. It does not know what is graded, how, or what a right answer is, and holds no
solution and no test.
"""
