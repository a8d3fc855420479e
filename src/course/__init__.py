"""What staff run: release, grading, feedback. Never part of what students get."""
