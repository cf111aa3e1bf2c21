"""Built-in explainers, one file each."""
