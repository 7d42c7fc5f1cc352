# The same targets for people and CI. Everything that a fresh machine needs is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
MW := $(BIN)/modelwatch
WAIT ?= core
# One more than there are processors: many tests wait for a real program most of their time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min((os.cpu_count() or 1) + 1, 8))')

.DEFAULT_GOAL := help
.PHONY: help up down status logs drill test check generate golden tools bench clean lock lint types unit programs

help: ## What can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "modelwatch needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12"; exit 2; }
	@echo "Making $(VENV) with pinned packages, once: a minute, or several on a slow network or machine ..."
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian and Ubuntu install python3-venv"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(STAMP) ## Start the whole stack; WAIT=all waits for the parts that are built too
	@$(MW) up --wait $(WAIT)

down: $(STAMP) ## Stop it
	@$(MW) down

# A stack that does not run is an answer here, no failure of make; `modelwatch status` tells it by its exit code.
status: $(STAMP) ## What runs, since when, where
	@$(MW) status || true

logs: $(STAMP) ## What the parts say; PART=prometheus for one of them
	@$(MW) logs $(PART)

drill: $(STAMP) ## Break the demo, wait for the page, heal it, wait for the resolve
	@$(MW) drill

generate: $(STAMP) ## Write generated/ from models/
	@$(MW) generate

golden: generate ## Write what tests compare with: generated/ and the reference pages
	@$(BIN)/python docs/reference.py

check: $(STAMP) ## Check the specs, the cross-checks and, where they are, the real programs
	@$(MW) check --programs

tools: $(STAMP) ## Fetch and build every real program (about a quarter of an hour, once)
	@$(MW) tools install --all

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/mypy demo

unit: $(STAMP)
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

programs: $(STAMP)
	$(MW) generate --check
	$(MW) check --programs

test: ## Everything that CI checks
	@$(MAKE) --no-print-directory $(STAMP)
	@if [ -n "$$CI" ]; then $(MAKE) --no-print-directory tools; else $(MAKE) --no-print-directory core-tools; fi
	@$(MAKE) --no-print-directory lint types programs unit

.PHONY: core-tools
core-tools: $(STAMP)
	@$(MW) tools install --core

.PHONY: soak
soak: $(STAMP) ## Kill the sidecar 200 times under load and 200 times over its logs, and the trace backend for a minute; nothing may be lost
	$(BIN)/pytest -m slow tests/exporters/test_drift_kill.py tests/exporters/test_log_kill.py tests/collector/test_outages_live.py

bench: $(STAMP) ## Speed and memory, beside the peers, in one run
	@$(BIN)/python -m tests.bench

lock: ## Pin every package again, after an edit of pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
	  --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements.lock

clean: ## Stop the stack and remove all that was made here
	@if [ -x $(MW) ]; then $(MW) down --data; fi
	rm -rf $(VENV) .tools .modelwatch demo/data build dist *.egg-info
