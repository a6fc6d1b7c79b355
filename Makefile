# The commands people type. `make demo` and `make test` do all set-up themselves.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# TORCH_BACKEND=cpu takes torch's small CPU build where its index can be reached; empty takes the default one.
TORCH_BACKEND ?=
UV_VERSION := 0.13.9
UV := $(VENV)/bin/uv
LOCKS := requirements/runtime.txt requirements/dev.txt requirements/torch.txt

.PHONY: help install lock
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

install: $(VENV)/.installed ## prepare .venv from the lock files
$(VENV)/.installed: $(LOCKS) pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(UV) pip install --quiet --python $(BIN)/python $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) -r requirements/torch.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# torch and what only torch needs stay out of the hashed locks
UNLOCKED := $(shell cat requirements/unlocked.txt 2>/dev/null)
lock: ## resolve the lock files anew (add UPGRADE=--upgrade for newer versions)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE) pyproject.toml -o requirements/runtime.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE) pyproject.toml --extra fit requirements/dev.in -c requirements/torch.txt -c requirements/runtime.txt $(foreach p,$(UNLOCKED),--no-emit-package $(p)) -o requirements/dev.txt
