"""Runs Kindred from a clone: `.venv/bin/python cli.py --help` (installed, the same is `kindred --help`)."""

import sys

if __name__ == "__main__":
    try:
        from kindred.cli import main

        main()
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: run `make demo` or `make setup` first, then `.venv/bin/python cli.py` (exit code 1)")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was begun: run the same command again\n")
        sys.exit(130)
