# The verbs of the project, the same on a laptop and in CI. `make help` lists them.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SOURCES := sdk engine connectors
CHECKED := $(SOURCES) tests $(wildcard examples bench)

# The server that `make test-oracle` holds us against.
RESTATE_VERSION := 1.7.12
RESTATE := .cache/restate/$(RESTATE_VERSION)

# The Python that the virtual environment is made from: make setup PYTHON=python3.13
PYTHON ?= python3
# A Kafka for `make demo` and `make bench`: make demo BROKERS=localhost:9092
BROKERS ?=
# A rule whose counterexample `make model` shows: make model RULE=record_index_is_next
RULE ?=
# Further arguments of pytest: make unit ARGS='-k timers -x'
ARGS ?=

# The languages whose SDKs `make sdks` builds, all if none is named: make sdks SDKS='python go'
SDKS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint fmt types unit contract live rows oracle test-oracle sdks test-sdks bench clean

help:  ## List the verbs
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make the virtual environment, with the odradek command in .venv/bin

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'Odradek needs Python 3.11, 3.12 or 3.13: make setup PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo 'This Python cannot make virtual environments: install its venv package (python3-venv)' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock --editable '.[server]'
	@touch $@

demo: setup  ## Show the main job: events in, a node killed on the way, nothing lost (BROKERS=host:port on Kafka)
	$(PY) examples/demo/demo.py $(if $(BROKERS),--brokers $(BROKERS))

test: lint types  ## All the checks, and all the tests but those of test-sdks
	$(PY) -m pytest -m 'not sdks' $(ARGS)

lint: setup  ## Style and formatting
	$(VENV)/bin/ruff check $(CHECKED)
	$(VENV)/bin/ruff format --check $(CHECKED)

fmt: setup  ## Put style and formatting right
	$(VENV)/bin/ruff check --fix $(CHECKED)
	$(VENV)/bin/ruff format $(CHECKED)

types: setup  ## Static types
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --strict bench examples
	MYPYPATH=tests $(VENV)/bin/mypy --strict --package simulation

unit: setup  ## The tests that need nothing but this process
	$(PY) -m pytest tests/unit $(ARGS)

contract: setup  ## What every adapter of a port must keep
	$(PY) -m pytest tests/contract $(ARGS)

live: setup  ## Real processes, killed under load
	$(PY) -m pytest tests/live $(ARGS)

rows: setup  ## Print docs/features.md, row by row, with the results of the tests that name them
	$(PY) -m pytest --rows $(ARGS)

oracle: setup $(RESTATE)  ## Install what test-oracle holds us against, by npm and pip
	$(PY) tests/sdks/build_sdks.py python

test-oracle: setup oracle  ## The real Restate server beside us and over our SDK, and the examples under both SDKs and servers
	ODRADEK_REQUIRE_ORACLE=1 $(PY) -m pytest tests/remote tests/remote_sdk tests/sdks tests/equality -m oracle $(ARGS)

$(RESTATE):
	npm install --prefix .cache/restate --ignore-scripts --no-audit --no-fund --loglevel=error \
		@restatedev/restate-server@$(RESTATE_VERSION)
	@touch $@

sdks: setup  ## Build the test applications of the official SDKs in .cache/sdks (SDKS='go rust')
	$(PY) tests/sdks/build_sdks.py $(SDKS)

test-sdks: sdks  ## The official SDKs, those whose tools are here (ODRADEK_REQUIRE_SDKS=1: all of them)
	$(PY) -m pytest tests/sdks -m sdks $(ARGS)

SECONDS ?= 600
.PHONY: fuzz
fuzz: setup  ## Inputs for every parser of outside bytes, guided by coverage where atheris installs (SECONDS=600)
	$(PY) -m pip install --quiet --disable-pip-version-check atheris || echo 'no atheris for this Python: inputs at random' >&2
	PYTHONPATH=tests $(PY) tests/fuzz/run_fuzz.py $(SECONDS)

.PHONY: model
model: setup  ## Every state of the journal protocol within bounds, and every rule dropped once (RULE=name: how it breaks)
	$(PY) tests/journal_model/run_model.py $(if $(RULE),"$(RULE)")

.PHONY: simulate mutants
simulate: setup  ## The whole engine from seeds, under faults (SEEDS=500 FIRST=0; SEED=7: one, with its trace)
	PYTHONPATH=tests $(PY) -m simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500) --first $(or $(FIRST),0))

mutants: setup  ## Bugs planted into the engine: the simulation finds each of them
	PYTHONPATH=tests $(PY) -m simulation --mutants

bench: setup  ## Measure, and print ratios (BROKERS=host:port, PEERS=1: the peers too, REMOTE=1: handlers elsewhere, SOAK=1: a million calls)
	$(PY) -m bench $(if $(BROKERS),--brokers $(BROKERS)) $(if $(PEERS),--peers) $(if $(REMOTE),--remote) $(if $(SOAK),--soak)

clean:  ## Remove what was made here, but for data directories
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find $(SOURCES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
