"""Values of options, apart from the modules that use them, which completing a word does without."""

CANVAS_ID = "ID"
IDS = ("SIS Login ID", "SIS User ID", "Integration ID", CANVAS_ID)  # columns; the first goes first
VISIBILITIES = ("after_published", "hidden", "after_due_date")  # what hidden tests may have
