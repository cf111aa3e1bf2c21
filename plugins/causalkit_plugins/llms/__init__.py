"""Built-in llms, one file each."""
