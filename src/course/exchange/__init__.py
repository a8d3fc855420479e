"""Submissions from Canvas, Gradescope and a hub, and marks for Canvas."""
