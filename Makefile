# Millrace. `make help` lists what can be done; nothing but make, python3 and a package registry is needed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The first interpreter that the wheels in the lock exist for.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
  "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
SIZE ?=

.PHONY: help up test test-long test-faults coverage check bench bench-curves docs tools lock clean

help: ## list the targets
	@echo 'make <target> [ARGS="..."]'; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(MAKEFILE_LIST) | column -t -s @ 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1  \2/p' $(MAKEFILE_LIST)

up: $(VENV)/.run ## start everything on this machine with a demo; ARGS='--help' shows what can be chosen
	@exec $(BIN)/millrace up $(ARGS)

test: $(VENV)/.dev tools ## run the tests on real parts, but for those of test-long and test-faults; ARGS go to pytest
	@$(BIN)/pytest -n 5 --dist loadgroup -m 'not faults and not long' $(ARGS)

test-long: $(VENV)/.dev tools ## run the further cases that take whole processes seconds each; ARGS go to pytest
	@$(BIN)/pytest -n 5 --dist loadgroup -m 'long and not faults' $(ARGS)

test-faults: $(VENV)/.dev tools ## kill, pause and cut off parts by seed and hold every row to the log; SIZE=ci|small|medium|long|full
	@$(if $(filter full,$(SIZE)),$(BIN)/pytest -m faults)
	@$(BIN)/python -m tests.faults --size $(or $(SIZE),small) $(ARGS)

coverage: $(VENV)/.dev tools ## run test and test-long, and hold what they execute of each part to its share
	@$(BIN)/pytest -n 5 --dist loadgroup -m 'not faults' --cov --cov-report= $(ARGS)
	@$(BIN)/coverage report --include='streams/events/*' --fail-under=100
	@$(BIN)/coverage report --include='agents/*,clickhouse/*,streams/*,tables/*' --fail-under=80
	@$(BIN)/coverage report --include='api/*,metadata/*' --fail-under=70

check: $(VENV)/.dev ## format, lint, types, architecture and documents; no parts are started
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --strict
	@$(BIN)/pytest -q -r fE tests/test_architecture.py tests/test_docs.py

bench: $(VENV)/.dev tools ## measure the whole job beside its peers, and note how it stands against a fixed loop; SIZE=small|full, or ARGS name another benchmark
	@$(BIN)/python -m bench $(or $(ARGS),peers --size $(or $(SIZE),full))
	@$(if $(ARGS),,$(BIN)/python -m bench guard --record)

bench-curves: $(VENV)/.dev tools ## measure how figures change with batch, partitions, load, rows ...; goes on where it stopped; SIZE=small|full
	@$(BIN)/python -m bench curves --size $(or $(SIZE),full) $(ARGS)

docs: $(VENV)/.run ## write the generated documents again
	@$(BIN)/millrace docs

tools: $(VENV)/.run ## install what tests need beyond Python (apt, Maven; ARGS names others); says what it could not get
	@$(BIN)/python -m deploy.local.tools $(if $(filter tools,$(MAKECMDGOALS)),$(ARGS))

lock: | $(BIN)/uv ## resolve the dependencies anew and write the two lock files; ARGS='--upgrade' takes newer ones
	@$(call compile,requirements.lock)
	@$(call compile,requirements-dev.lock,--extra dev --constraint requirements.lock)

clean: ## remove the virtual environment, the tools and the data of the embedded stack
	rm -rf $(VENV) .tools .millrace

# What a lock file names and nothing else, installed only when the lock changed. pip checks every hash and resolves nothing:
# left to itself it takes a newer release for a package that is also asked for with an extra, and then refuses it.
$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	@$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.run

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Millrace needs Python 3.11 or 3.12; found: $$(python3 --version 2>&1). Install one, or: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(BIN)/uv: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

define install
echo "installing $$(grep -c '==' $(1)) packages of $(1) into $(VENV), one dot each (details: $(VENV)/install.log)" >&2; \
{ $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-deps --require-hashes -r $(1) \
  && $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . ; } 2>&1 \
  | tee $(VENV)/install.log | while read -r word rest; do case "$$word" in \
    Collecting) printf . ;; Installing) printf ' installing' ;; ERROR:) echo "$$word $$rest" ;; esac; done >&2; echo >&2
endef

# setuptools is locked too, for the project itself is built without a look at the registry. No address gets into the files.
define compile
echo 'setuptools>=77' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command 'make lock' --output-file $(1) $(2) $(ARGS) pyproject.toml -
endef
