# The two commands of the README: `make demo` measures the embedded model, `make test` runs the checks.
# `make test-all` adds the long matrix: every model type, real weights at length, and the peers' environment.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The published methods that plans are compared with run in an environment of their own: kvpress holds transformers back.
PEERS := .venv-peers
# Of the tests, those of code that calls kvpress or what transformers changes from version to version: caches, attention, loading.
BY_VERSION := $(addprefix tests/,compress/cache compress/evaluate/methods compress/evaluate/scoring/test_harness.py compress/kvpress \
	compress/plan/test_output_error.py compress/serving compress/sparse_attention extend/apply/rerope measure/test_session.py network)

# Seconds that `make long` may take: rows that it has not begun by then are skipped. Empty: all of them.
WITHIN :=

.PHONY: demo test test-all long lint peers site package clean

demo: $(VENV)/.demo
	@mkdir -p demo
	$(BIN)/ropescope measure smollm2 --control random-init --out demo/smollm2.parquet --html demo/smollm2.html

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope

test-all: test peers long

long: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m long --hypothesis-profile long $(if $(WITHIN),--within $(WITHIN))

peers: $(PEERS)/.installed
	OMP_NUM_THREADS=1 $(PEERS)/bin/python -m pytest -n 2 -m "not weights and not long" $(BY_VERSION)

# The wheel and the source distribution into dist/, and the wheel in a new environment of each Python that is here. PACKAGE=--help tells more.
PACKAGE :=

package:
	$(PYTHON) tests/package/check.py --dist dist $(PACKAGE)

# The documentation into site/: PAGES=--pages leaves out the page that answers in the browser, which fetches Pyodide.
site: $(VENV)/.docs
	$(BIN)/python docs/site/build_site.py $(PAGES)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("ropescope needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# torch first and alone: with the pinned version in place, nothing else asks for another build of it.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (the first time takes a few minutes) …"
	$(PIP) install -c constraints.txt torch
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.torch
	$(PIP) install -c constraints.txt -e '.[measure,evidence,figures]'
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[docs,figures]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo $(VENV)/.docs

$(PEERS)/.installed: pyproject.toml constraints-peers.txt | $(BIN)/python
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install -c constraints-peers.txt torch
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install -c constraints-peers.txt -e '.[measure,peers,figures,quantized]' \
		duckdb hypothesis mpmath pandas polars pytest pytest-xdist
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) demo site build/docs .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
