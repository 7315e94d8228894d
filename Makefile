# What a newcomer and a developer need; `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.setup

.PHONY: setup demo test test-all check bench docs clean help

setup: $(STAMP) ## make .venv with mtcli, all extras and the developers' tools

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "mtcli needs Python 3.11 or newer; PYTHON=/path/to/python3 make setup"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pretrained,export,dev]'
	touch $@

demo: setup ## train two tasks on the sample data, evaluate, print the table
	rm -rf runs/demo
	$(BIN)/mtcli train sample_data/mtcli.yaml --tasks cls,det --name demo
	$(BIN)/mtcli eval runs/demo --per-class

# A process for each core, up to four, and one thread in each: tiny networks gain nothing by more.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadscope

test: setup ## the test suite, a few minutes
	$(PYTEST)

test-all: setup ## the slow tests too
	$(PYTEST) -m ''

check: setup ## format, lint, types, layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/references.py --check

bench: setup ## the ratio tables; results go to benchmarks/results
	$(BIN)/python -m benchmarks

docs: setup ## write the generated references anew
	$(BIN)/python docs/references.py

clean: ## remove what the other targets made, but the environment
	rm -rf runs dist .mypy_cache .ruff_cache .pytest_cache

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12
