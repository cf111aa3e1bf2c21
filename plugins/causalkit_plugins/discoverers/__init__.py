"""Built-in discoverers, one file each."""
