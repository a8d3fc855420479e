"""The catalogue of gpt2: one module for each solution cell."""
