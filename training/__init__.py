"""Recipes that made everything in ``data/``. Nothing else in the project needs this package."""
