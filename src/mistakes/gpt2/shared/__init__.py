"""What several cells of gpt2 have in common."""
