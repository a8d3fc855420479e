"""A JupyterHub for this course, on one machine: how it is installed, started, and ended."""
