# The commands of the README. A fresh machine needs Python 3.11, git, make, gcc and the registries.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
PYTHON ?= python3.11
VENV := .venv
# real photos for the demo, one folder a person; without them portraits from packages play
PHOTOS ?= $(wildcard ../shared/faces)
BIN := $(VENV)/bin
export UV_CUSTOM_COMPILE_COMMAND := make lock
# where the environment forbids compiled modules, each of some hundred starts compiles its own
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help:
	@echo "make demo   set everything up and play the story on real photos"
	@echo "make test   set everything up and pass all tests"
	@echo "make test-mutants  show that the contract tests notice seeded faults (1 h)"
	@echo "make lint   style, types, layers, generated files"
	@echo "make bench  measure, beside peers: build/bench.json"
	@echo "make doctor check this machine"

.PHONY: setup
setup: tools build
	@echo "ready: $(BIN)/mip --help"

.PHONY: tools
tools: $(VENV)/.installed circuits/node_modules/.installed

.PHONY: build
build: tools
	$(BIN)/python scripts/build_contracts.py
	$(BIN)/python scripts/build_circuits.py
	$(BIN)/mip models build

.PHONY: demo
demo: setup
	$(BIN)/mip demo $(if $(PHOTOS),--photos "$(PHOTOS)")

.PHONY: doctor
doctor: setup
	$(BIN)/mip doctor

# the fast ones first, then two at a time, the longest first
.PHONY: test
test: setup test-tools test-fast
	$(MAKE) --no-print-directory -j2 --output-sync=line test-e2e test-integration test-circuits \
		test-mutants-quick test-contracts test-laws test-symbolic test-ape

.PHONY: test-tools
test-tools: tests/node/node_modules/.installed

# what a process freed it uses again: on some virtual machines a fresh page costs 0.1 ms, and a
# command that opens a passport took 80,000
REUSE_MEMORY := MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1073741824
# plugins of the contract frameworks cost each start of pytest six seconds
PYTEST := $(REUSE_MEMORY) $(BIN)/pytest -q -p no:ape_test -p no:boa_test

.PHONY: test-fast test-laws test-circuits test-contracts test-mutants-quick test-symbolic test-ape \
	test-integration test-e2e
test-fast:
	$(PYTEST) --hypothesis-profile=quick -m "not thorough" -k "not killed" tests/unit tests/property
# the same laws on all their examples, what takes its time, and kills at every write
test-laws:
	$(PYTEST) tests/property
	$(PYTEST) -m "hypothesis or thorough" -k "not killed" tests/unit
	$(PYTEST) -k killed tests/unit
test-circuits:
	$(PYTEST) tests/circuits
test-contracts:
	$(PYTEST) tests/contracts
# seeded faults that these tests must notice; all of them: make test-mutants
test-mutants-quick:
	$(PYTEST) tests/contracts/mutants.py -m quick
# the arithmetic of delays and thresholds, for every number; one witness for each input
test-symbolic: build/symbolic/.installed
	$(BIN)/pytest -q tests/contracts/symbolic/prove.py
	$(PYTEST) -rs tests/circuits/uniqueness/prove.py
test-ape:
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ape compile --force
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ape test tests/ape
test-integration: test-tools
	$(PYTEST) tests/integration
test-e2e:
	$(PYTEST) tests/e2e

# an hour: each seeded fault must be noticed by the contract tests
.PHONY: test-mutants
test-mutants: setup
	$(PYTEST) tests/contracts/mutants.py -m slow

.PHONY: lint
lint: tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/make_vectors.py --check

.PHONY: bench
bench: setup bench/node_modules/.installed
	$(BIN)/python scripts/bench.py

bench/node_modules/.installed: $(VENV)/.installed bench/package-lock.json
	cd bench
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	touch node_modules/.installed

# a real IPFS node for the integration tests; it runs without the scripts of its packages
tests/node/node_modules/.installed: $(VENV)/.installed tests/node/package-lock.json
	cd tests/node
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	touch node_modules/.installed

$(VENV)/bin/uv: requirements/bootstrap.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	touch $@

$(VENV)/.installed: $(VENV)/bin/uv requirements/build.txt requirements/dev.txt pyproject.toml
	$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes -r requirements/build.txt
	$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes --no-build-isolation -r requirements/dev.txt
	$(BIN)/uv pip install -q -p $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

# the symbolic executor pins an older rich than ours, and the solver is big: a room of their own
build/symbolic/.installed: $(VENV)/.installed requirements/symbolic.txt
	$(BIN)/uv venv -q --allow-existing --python $(BIN)/python build/symbolic
	$(BIN)/uv pip install -q -p build/symbolic/bin/python --require-hashes -r requirements/symbolic.txt
	touch $@

circuits/node_modules/.installed: $(VENV)/.installed circuits/package-lock.json
	cd circuits
	# not "npm ci": it refuses a lock without the other platforms' optional binaries, which not
	# every mirror carries; versions and integrity still come from the lock, which stays as it is
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	touch node_modules/.installed

.PHONY: lock
lock: $(VENV)/bin/uv
	for set in bootstrap build symbolic; do
		$(BIN)/uv pip compile requirements/$$set.in --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements/$$set.txt
	done
	$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --extra fast --extra plot --group dev -c requirements/build.txt --generate-hashes --no-emit-index-url -q -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --extra fast --extra plot -c requirements/dev.txt --generate-hashes --no-emit-index-url -q -o requirements/runtime.txt
	for folder in circuits bench tests/node; do
		cd "$(CURDIR)/$$folder"
		PATH="$(CURDIR)/$(BIN):$$PATH" npm install --ignore-scripts --package-lock-only --omit-lockfile-registry-resolved=false
		"$(CURDIR)/$(BIN)/python" "$(CURDIR)/scripts/strip_lock_urls.py" package-lock.json
	done
