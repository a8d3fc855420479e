"""The catalogue of assignment 5: one module per solution cell."""
