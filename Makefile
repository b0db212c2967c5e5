# One virtual environment, made on first use and again when pyproject.toml changes.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo-site
# What is tested on the oldest Kubernetes as well.
OLDEST := $(addprefix tests/cluster/test_,real.py runs.py engines.py watches.py) $(wildcard tests/cluster/test_charts_*.py)
# Tests run in this many processes.
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-cluster test-node test-stores check bench snapshots charts clean

help:
	@echo "make demo    install into $(VENV) and open the console on a rehearsal site (no cluster needed)"
	@echo "make test    install into $(VENV) and run every test that needs no extra server"
	@echo "make test-cluster   build a real Kubernetes (Go needed, minutes at first), run the tests that use it"
	@echo "make test-stores    build MinIO, Weaviate, registry 3, a Docker engine, crane and oras (Go needed), test backups and bundles against them"
	@echo "make test-node      a real node with real containers: the charts installed, saved, restored, upgraded (Linux, root)"
	@echo "make check   ruff, mypy --strict, import-linter"
	@echo "make charts  write the charts' schema, values.yaml and the guide's page of values from tools/charts"
	@echo "make bench   the benchmarks of docs/benchmarks.md"

$(BIN)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(BIN)/.ready-dev: $(BIN)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

demo: $(BIN)/.ready
	@$(BIN)/sensei rehearse demo $(DEMO)

test: $(BIN)/.ready-dev
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q

test-cluster: $(BIN)/.ready-dev
	@$(BIN)/python -m tests.cluster build
	@$(BIN)/python -m tests.cluster try
	@SENSEI_TEST_CLUSTER=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q tests/cluster tests/differential
	@SENSEI_TEST_CLUSTER=1 SENSEI_TEST_KUBERNETES=oldest $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q $(OLDEST)

test-stores: $(BIN)/.ready-dev
	@$(BIN)/python -m tests.cluster build stores
	@SENSEI_TEST_STORES=1 $(BIN)/python -m pytest -q tests/images
	@SENSEI_TEST_STORES=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q -k 'registry-3 or engine-current or crane or oras' tests/registry tests/bundle

test-node: $(BIN)/.ready-dev
	@SENSEI_TEST_NODE=1 $(BIN)/python -m tests.node test

check: $(BIN)/.ready-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(BIN)/.ready-dev
	@$(BIN)/python -m tests.bench

snapshots: $(BIN)/.ready-dev
	@$(BIN)/python -m pytest -q tests/screens --snapshot-update

charts: $(BIN)/.ready-dev
	@$(BIN)/python -m tools.charts

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
