"""What staff run: release, grading, feedback. Never part of what students get."""

import sys

# jsonschema, which reads notebooks, builds a grammar of internationalized web addresses when it is
# imported: two seconds in each process, for a format that no notebook has.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
