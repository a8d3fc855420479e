"""Parts of gpt2's catalogue that do not fit into the modules of its cells."""
