"""What nbgrader's formgrader shows beside a written answer."""
