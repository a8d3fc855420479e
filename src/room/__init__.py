"""What runs inside a room: IPython, a wire to the outside, and the nursery that rooms fork from.

A room runs cells and answers calls. This package is all of the course's grading that a student's
code can see. It does not know what is graded, how, or what a right answer is, and holds no
solution and no test.
"""
