"""The autograder that runs in Gradescope's container."""
