"""A notebook is run by two kernels: the student's in a sandbox, the test kernel outside it."""
