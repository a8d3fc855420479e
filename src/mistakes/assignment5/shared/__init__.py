"""Parts of the catalogue that several cells of assignment 5 share."""
