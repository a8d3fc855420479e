"""Grading a class: many jobs, their results, and how these enter the gradebook."""
