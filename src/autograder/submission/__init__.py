"""From the files that a student handed in to a notebook in its template's shape."""
