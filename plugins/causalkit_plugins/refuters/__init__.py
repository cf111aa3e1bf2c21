"""Built-in refuters, one file each."""
