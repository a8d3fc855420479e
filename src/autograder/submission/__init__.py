"""What was handed in: read, repaired, made harmless."""
