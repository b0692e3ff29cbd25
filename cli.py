"""Runs Kindred from a clone: `.venv/bin/python cli.py --help` (installed, the same is `kindred --help`)."""

import sys

try:
    from kindred.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"{error}: run `make demo` or `make setup` first, then `.venv/bin/python cli.py` (exit code 1)")

if __name__ == "__main__":
    main()
