"""Submissions from Canvas and Gradescope, and marks for Canvas."""
