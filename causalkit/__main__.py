"""`python -m causalkit` is the command."""

from causalkit.cli import main

if __name__ == "__main__":
    main()
