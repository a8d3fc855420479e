"""A class of example submissions, and what stock nbgrader gives each of them."""
