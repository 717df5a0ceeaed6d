# Every target works on a fresh machine with Python >= 3.11, pip and venv; nothing else has to be installed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: help demo test test-long check format bench schema build clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)  ## download a small channel from a built-in media site through a real flow
	$(BIN)/python -m tests.demo

test: $(READY)  ## run the test suite
	$(BIN)/python -m pytest -n 2 -m 'not long'

test-long: $(READY)  ## soak, kill loops and other slow proofs
	$(BIN)/python -m pytest -m long --timeout 3600

check: $(READY)  ## all gates in one: format, lint, types, layers, docstrings, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/interrogate --quiet vidra flows tasks
	$(BIN)/python -m pytest -n 2 -m 'not long'

format: $(READY)  ## format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## measure against peers, side by side; prints ratios
	$(BIN)/python -m benchmarks

schema: $(READY)  ## write config/vidra.schema.json from the settings models
	$(BIN)/vidra config schema > config/vidra.schema.json

build: $(READY)  ## build the wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:  ## remove what the targets made
	rm -rf $(VENV) dist build .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
