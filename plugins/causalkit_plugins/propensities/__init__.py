"""Built-in propensities, one file each."""
