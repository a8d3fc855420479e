"""Tests are tested: the kill matrix, other seeds, the accuracy of explanations."""
