# Every target works on a fresh machine with Python >= 3.11, pip and venv; nothing else has to be installed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: help demo test test-long check gates format bench docs build bundle bundle-check clean

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

check: gates test  ## everything that must hold: all gates, then the tests

gates: $(READY)  ## format, lint, types, layers, docstrings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/interrogate --quiet vidra flows tasks

format: $(READY)  ## format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## measure against peers, side by side; prints ratios
	$(BIN)/python -m benchmarks

docs: $(READY)  ## write again what is generated: default configuration, schema, reference pages
	$(BIN)/vidra config init --path config/vidra.yaml --force >/dev/null
	$(BIN)/python -m vidra.settings.reference > docs/configuration.md
	$(BIN)/python -m vidra.cli.reference > docs/cli.md

build: $(READY)  ## build the wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

bundle: $(READY)  ## one file without Python: dist/vidra, see docs/bundle.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bundle]'
	$(BIN)/pyinstaller --noconfirm --distpath dist --workpath build/bundle deployments/bundle/vidra.spec

bundle-check: bundle  ## build the one file and run the whole engine inside it
	VIDRA_BUNDLE=dist/vidra $(BIN)/python -m pytest -m long -s tests/backends/test_bundle.py --timeout 1800

clean:  ## remove what the targets made
	rm -rf $(VENV) dist build .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
