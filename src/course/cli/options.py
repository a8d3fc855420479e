"""What some options of the course command may be.

They stand apart from what they are options of, so that a shell can complete a command line without
loading it. This module does not know what they mean.
"""

CANVAS_ID = "ID"
IDS = ("SIS Login ID", "SIS User ID", "Integration ID", CANVAS_ID)  # columns; the first goes first
VISIBILITIES = ("after_published", "hidden", "after_due_date")  # what hidden tests may have
