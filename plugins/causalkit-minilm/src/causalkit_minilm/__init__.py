"""all-MiniLM-L6-v2 as an encoder of causalkit, its weights in a package."""
