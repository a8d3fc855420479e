"""What grading costs. Figures are ratios measured side by side in one run."""
