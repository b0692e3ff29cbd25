# Two commands: `make demo` (the whole flow, from nothing) and `make test` (everything CI runs).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Bytecode is kept, whatever the environment says: each command would compile all that it loads anew, half of its time.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo test suite lint format bench setup setup-dev clean

help:  ## What can be made here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: setup  ## Generate (or take REVIEWS=… METADATA=…), ingest, train, evaluate, publish, recommend
	@$(BIN)/kindred demo $(if $(REVIEWS),--reviews '$(REVIEWS)') $(if $(METADATA),--metadata '$(METADATA)')

# Beside one another: tests wait for other processes an eighth of their time, and a first lint reads types for minutes.
test: setup-dev  ## Lint and the whole test suite
	@$(MAKE) --no-print-directory --jobs 2 lint suite

# Two workers with a thread each: with two threads each they spend a third of their time on waiting for one another.
suite: setup-dev
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup-dev  ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup-dev  ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: setup-dev  ## Every figure that the documents quote, beside its anchor
	@$(BIN)/python -m benchmarks

setup: $(VENV)/.installed  ## Only install
setup-dev: $(VENV)/.installed-dev

clean:  ## Remove what was built; data/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Kindred needs Python 3.11 or newer, this is $$($(PYTHON) --version): make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Setting up $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/uv
	@echo "Installing (about 5 GB on Linux, most of it PyTorch)" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[neo4j]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/uv
	@echo "Installing with the development tools (about 5 GB on Linux, most of it PyTorch)" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed
