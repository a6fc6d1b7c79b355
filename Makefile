# The commands people type. Each does all set-up itself: on a fresh machine start with any of them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# TORCH_BACKEND=cpu takes torch's small CPU build where its index can be reached; empty takes the default one.
TORCH_BACKEND ?=
UV_VERSION := 0.13.9
UV := $(VENV)/uv/bin/uv
LOCKS := requirements/uv.txt requirements/runtime.txt requirements/dev.txt requirements/torch.txt
# Two commands started at once must not install into one folder; where there is no flock (macOS), do not do that.
ALONE := $(if $(shell command -v flock),flock Makefile)
TARGETS_OF_THEIR_OWN := kubernetes or image
REAL_PARTS := kafka or prometheus or model or slow or $(TARGETS_OF_THEIR_OWN)

.PHONY: help install lint test test-kubernetes test-image test-fast fuzz demo demo-kafka docs bench bench-peers lock clean
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

install: ## prepare .venv from the lock files
	@$(ALONE) $(MAKE) --no-print-directory --silent $(VENV)/.installed

# uv comes through the system's pip into a folder of its own: a Python without ensurepip (Debian's) will do.
$(VENV)/.installed: $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'offmap needs Python 3.11 or newer: make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -c 'import pip, venv' || { echo 'this Python has no pip (Debian: apt-get install python3-pip)' >&2; exit 1; }
	test -x $(BIN)/python || echo 'Preparing $(VENV): a few minutes and 6 GB, once'
	$(PYTHON) -m venv --without-pip $(VENV)
	test -x $(UV) && [[ "$$($(UV) --version)" == 'uv $(UV_VERSION)'* ]] || \
		$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes --upgrade --target $(VENV)/uv -r requirements/uv.txt
	$(UV) pip install --quiet --python $(BIN)/python $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) -r requirements/torch.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

lint: install ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

test: install ## every test but those of the two targets below; the real Kafka, Prometheus and embedding model included
	$(BIN)/python -m pytest -m 'not ($(TARGETS_OF_THEIR_OWN))' $(ARGS)

test-kubernetes: install ## the chart, by Helm and a real API server (needs Go and etcd; builds them, ten minutes once)
	$(BIN)/python -m tests.kubernetes_tools
	$(BIN)/python -m pytest -m kubernetes $(ARGS)

test-image: install ## the image, built and run for real (needs root, buildah, debootstrap, umoci, runc; a JDK and Maven)
	$(BIN)/python -m pytest -m image -s $(ARGS)

test-fast: install ## the tests that need nothing beside Python and take no time
	$(BIN)/python -m pytest -m 'not ($(REAL_PARTS))' $(ARGS)

# what is found is kept in .cache/fuzz: the next run starts with it
FUZZ_SECONDS ?= 600
fuzz: install ## coverage-guided fuzzing of what reads messages, FUZZ_SECONDS (600) for each of five targets
	for target in json sse protobuf compression registered; do \
		$(BIN)/python -m tests.fuzz.run $$target --seconds $(FUZZ_SECONDS) || exit 1; done

demo: install ## see it run: fit a profile, watch files of traffic, serve /metrics
	$(BIN)/python -m demo.run_demo

demo-kafka: install ## the same through a real Kafka broker (needs a JDK and Maven)
	$(BIN)/python -m demo.run_demo_kafka

docs: install ## write the generated parts of READMEs, the alerts and the dashboards anew
	$(BIN)/python -m tests.readme
	$(BIN)/python -m tests.chart
	$(BIN)/python -m tests.monitoring
	$(BIN)/python -m benchmarks.readme

bench: install ## every measure beside its reference; status 1 if any is short
	$(BIN)/python -m benchmarks.run $(ARGS)

# each peer in an environment of its own: they need other versions of much
PEERS := $(patsubst requirements/peers/%.txt,.cache/peers/%/.installed,$(wildcard requirements/peers/*.txt))
bench-peers: install $(PEERS) ## other drift detectors beside ours, on the same data (half an hour; 8 GB in .cache)
	$(BIN)/python -m benchmarks.run --peers $(ARGS)

.cache/peers/%/.installed: requirements/peers/%.txt | install
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND)) $<
	touch $@

# torch and what only torch needs stay out of the hashed locks
UNLOCKED := $(shell cat requirements/unlocked.txt 2>/dev/null)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header $(UPGRADE)
lock: install ## resolve the lock files anew (UPGRADE=--upgrade for newer versions)
	$(COMPILE) - -o requirements/uv.txt <<< uv==$(UV_VERSION)
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) - -c requirements/runtime.txt -o requirements/build.txt <<< hatchling
	$(COMPILE) pyproject.toml --extra fit requirements/dev.in -c requirements/torch.txt -c requirements/runtime.txt $(foreach p,$(UNLOCKED),--no-emit-package $(p)) -o requirements/dev.txt
	for peer in requirements/peers/*.in; do $(UV) pip compile --quiet --python-version 3.11 --no-emit-index-url --no-annotate --no-header $(UPGRADE) \
		$$peer -c requirements/torch.txt -o $${peer%.in}.txt || exit 1; done

clean: ## remove .venv, caches and builds
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
