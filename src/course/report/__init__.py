"""What staff do around grading: measure tests, look at results, exchange files with other systems.

Nothing here decides a mark, so nothing here is part of a result's key (see autograder.job).
"""
