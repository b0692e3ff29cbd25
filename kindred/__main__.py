"""`python -m kindred`: the same as the command `kindred`."""

from kindred.cli import main

if __name__ == "__main__":
    main()
