"""The catalogue of assignment5, a module a solution cell."""
