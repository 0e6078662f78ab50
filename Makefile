# Notifier: `make` shows what there is. Only python3 (3.11 or newer) and make are needed.
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help up install test check unit integration e2e faults soak bench bench-short servers servers-down stack image-check locks schema docs clean

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: install ## everything in one process with demo data: http://127.0.0.1:8000 (PORT=… for another port)
	@$(BIN)/python manage.py up --port $(PORT) $(UP_FLAGS)

install: $(VENV)/.runtime ## the environment alone, in .venv

$(VENV)/.runtime: requirements/base.txt
	@$(PYTHON) deploy/local/environment_setup.py $(VENV) requirements/base.txt
	@touch $@

$(VENV)/.development: requirements/dev.txt requirements/base.txt
	@$(PYTHON) deploy/local/environment_setup.py $(VENV) requirements/dev.txt
	@touch $@ $(VENV)/.runtime

# First what can run side by side, then what cannot (tests/conftest.py); both, whatever becomes of the
# first. A 5 says that PYTEST_FLAGS chose nothing there.
test: $(VENV)/.development ## all tests on private PostgreSQL, RabbitMQ and Redis, then lint, types and contracts
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST_FLAGS) -m "not alone"; beside=$$?; \
	$(BIN)/python -m pytest $(PYTEST_FLAGS) -m alone; alone=$$?; \
	case "$$beside $$alone" in "0 0" | "0 5" | "5 0") ;; *) exit 1 ;; esac
	@$(MAKE) --no-print-directory check

check: $(VENV)/.development ## lint, format, types, import contracts, security, migrations, API schema, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml apps notifier config deploy bench manage.py
	$(BIN)/python -m tests.security.secret_scan
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

unit: $(VENV)/.development ## the tests that need no server
	@$(BIN)/python -m pytest tests/unit $(PYTEST_FLAGS)

integration: $(VENV)/.development ## the tests on real servers, in our process
	@$(BIN)/python -m pytest tests/integration $(PYTEST_FLAGS)

e2e: $(VENV)/.development ## the tests of whole processes, from POST to provider
	@$(BIN)/python -m pytest tests/e2e $(PYTEST_FLAGS)

faults: $(VENV)/.development ## every fault of the suite on real servers, one after the other: half an hour (FAULTS="--row 6")
	@$(BIN)/python -m tests.faults $(FAULTS)

$(VENV)/.benchmark: requirements/bench.txt requirements/base.txt
	@$(PYTHON) deploy/local/environment_setup.py $(VENV) requirements/bench.txt
	@touch $@ $(VENV)/.runtime

# A whole run becomes part of the documentation.
RESULTS := --json docs/benchmarks/results.json --plots docs/benchmarks --write-docs docs/performance.md
bench: $(VENV)/.benchmark ## every benchmark, ours against floors and peers, on a quiet machine: an hour (BENCH="--only accept")
	@$(BIN)/python -m bench $(or $(BENCH),$(RESULTS))

bench-short: $(VENV)/.benchmark ## the same with tiny sizes: shows that all of it works, proves nothing
	@$(BIN)/python -m bench --short $(BENCH)

soak: $(VENV)/.development ## an hour of steady traffic with random faults (SOAK="--minutes 2 --rate 20")
	@$(BIN)/python -m tests.faults --soak $(SOAK)

servers: install ## private PostgreSQL, RabbitMQ and Redis under var/servers; writes var/servers.env
	@$(BIN)/python -m deploy.local.servers up

servers-down: ## stop them
	@$(BIN)/python -m deploy.local.servers down

stack: servers ## every role as its own process on those servers (PORT=… for the web)
	@PORT=$(PORT) $(BIN)/python -m deploy.local.stack

image-check: ## build the image and start it as a container, where an engine runs (ENGINE=podman)
	@deploy/image_check.sh

locks: $(VENV)/.development ## compile requirements/*.in to hashed locks
	@for name in base dev bench; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header requirements/$$name.in -o requirements/$$name.txt; \
	done

schema: install ## write the OpenAPI schema to docs/openapi.yaml
	@$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

docs: $(VENV)/.development ## the documentation as pages in var/site
	@$(BIN)/python manage.py config --output markdown > docs/settings.md
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "var/site/index.html"

clean: ## remove the environment and everything that was made at run time
	rm -rf $(VENV) var staticfiles
