"""The one exception that seqlab raises on purpose."""


class DataError(Exception):
    """Something is wrong with a file of the course; the message says what, and what to do."""
