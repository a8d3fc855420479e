"""What decides a mark, all of it and nothing else."""
