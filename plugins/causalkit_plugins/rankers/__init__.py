"""Built-in rankers, one file each."""
