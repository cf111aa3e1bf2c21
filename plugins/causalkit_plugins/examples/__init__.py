"""What the conformance kit checks built-ins with, where their defaults will not do; a file for each kind."""
