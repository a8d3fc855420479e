"""What several cells of assignment5 have in common."""
