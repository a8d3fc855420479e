"""The catalogue of gpt2, a module a solution cell."""
