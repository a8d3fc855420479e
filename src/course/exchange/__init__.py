"""Submissions come in, marks go out."""
