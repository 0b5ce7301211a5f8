# The tasks of the project. `make` alone lists them. Needs make, Python 3.11 or newer with venv, and a C compiler.
.DEFAULT_GOAL := help
.PHONY: help demo test lint types docs bench bench-report clean lock release-notes
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Tests run on as many processes as there are cores, up to this many.
WORKERS ?= 4
# Set PYTHON to choose the interpreter of the virtual environment.
PYTHON ?=

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.run-stamp ## run the whole loop on the bundled St. Louis data
	$(BIN)/peelian demo

test: $(VENV)/.dev-stamp ## lint, types, import contracts and every test
	@$(MAKE) --no-print-directory lint types
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	  $(BIN)/python -m pytest -q -n logical --maxprocesses $(WORKERS) --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.dev-stamp ## style, format and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.dev-stamp ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.dev-stamp ## build the documentation into site/
	$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --quiet -b html docs site
	@echo "site/index.html"

bench: $(VENV)/.dev-stamp ## run every benchmark, one after the other; figures also go to bench/out/
	@mkdir -p bench/out; failed=0; \
	for script in bench/[a-z]*.py; do \
	  test -e "$$script" || continue; \
	  out="bench/out/$$(basename "$$script" .py).txt"; \
	  echo "== $$script"; \
	  $(BIN)/python "$$script" > "$$out" 2>&1 || { failed=1; echo "failed: $$script" >> "$$out"; }; \
	  cat "$$out"; \
	done; exit $$failed

bench-report: $(VENV)/.dev-stamp ## write what the benchmarks measured into docs/explanation/forecasting.md
	$(BIN)/python tools/bench_report.py docs/explanation/forecasting.md

clean: ## remove what was built or cached, but not .venv
	rm -rf site dist build demo bench/out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench tools docs -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## resolve the dependencies of pyproject.toml anew and pin them with hashes
	@command -v uv > /dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	tools/lock

release-notes: $(VENV)/.dev-stamp ## show the changelog that the fragments in changelog.d make
	$(BIN)/towncrier build --draft

# The two stamps say that the environment agrees with its lock. Everything is pinned with hashes, wheels only;
# the package itself is built with the locked hatchling, so nothing is fetched outside the lock.
$(VENV)/.run-stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what requirements/run.txt pins"
	@$(PIP) install -qq --require-hashes --only-binary :all: -r requirements/run.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-stamp: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing what requirements/dev.txt pins"
	@$(PIP) install -qq --require-hashes --only-binary :all: -r requirements/dev.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run-stamp

$(VENV)/bin/python:
	@python=$$(tools/find-python $(PYTHON)) && echo "making $(VENV) with $$python" && "$$python" -m venv $(VENV)
