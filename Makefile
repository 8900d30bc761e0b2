SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export UV_CUSTOM_COMPILE_COMMAND := make lock

.PHONY: setup
setup: $(VENV)/.installed circuits/node_modules/.installed

$(VENV)/bin/uv: requirements/bootstrap.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	touch $@

$(VENV)/.installed: $(VENV)/bin/uv requirements/build.txt requirements/dev.txt pyproject.toml
	$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes -r requirements/build.txt
	$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes --no-build-isolation -r requirements/dev.txt
	$(BIN)/uv pip install -q -p $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

circuits/node_modules/.installed: $(VENV)/.installed circuits/package-lock.json
	cd circuits
	# not "npm ci": it refuses a lock without the other platforms' optional binaries, which not
	# every mirror carries; versions and integrity still come from the lock, which stays as it is
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	touch node_modules/.installed

.PHONY: lock
lock: $(VENV)/bin/uv
	for set in bootstrap build; do
		$(BIN)/uv pip compile requirements/$$set.in --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements/$$set.txt
	done
	$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --extra fast --extra plot --group dev -c requirements/build.txt --generate-hashes --no-emit-index-url -q -o requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --python-version 3.11 --extra fast --extra plot -c requirements/dev.txt --generate-hashes --no-emit-index-url -q -o requirements/runtime.txt
	cd circuits
	PATH="$(CURDIR)/$(BIN):$$PATH" npm install --ignore-scripts --package-lock-only --omit-lockfile-registry-resolved=false
	../$(BIN)/python ../scripts/strip_lock_urls.py package-lock.json
