# GNU make and a POSIX shell are all this needs. `make help` lists the targets.

VENV ?= .venv
PYTHON ?=
PYTEST_ARGS ?=
FUZZ_MINUTES ?= 10
FUZZ_SEED ?=
# Tests wait about as much as they compute: half as many processes again as processors.
TEST_PROCESSES ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) * 3 / 2 )))
BIN := $(VENV)/bin
# The tests start the service some hundred times: what Python has compiled is kept.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest \
  -n $(TEST_PROCESSES) --dist worksteal
export VENV PYTHON

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: run demo test test-all tests expectations fuzz contracts lint format types imports lock clean help

run: $(VENV)/.installed ## install, serve in local mode, make one demonstration call and stay up
	$(BIN)/twiml-bridge serve --local --demo

demo: $(VENV)/.installed ## the same, and exit: 0 when the call went through whole
	$(BIN)/twiml-bridge demo

test: lint types imports tests ## lint, types, import rules and tests

tests: $(VENV)/.installed-dev ## only the tests (PYTEST_ARGS="-k name")
	$(PYTEST) -m "not node and not pipecat" $(PYTEST_ARGS)

test-all: $(VENV)/.installed-dev ## the groups with real peers; names what it has to leave out
	@scripts/groups.sh

expectations: $(VENV)/.installed-dev ## write down what the parser says of fixtures/twiml (NAMES="a b")
	@$(BIN)/python -m tests.twiml.expectations $(NAMES)

fuzz: $(VENV)/.installed-dev ## read and translate random documents (FUZZ_MINUTES=10 FUZZ_SEED=)
	@$(BIN)/python -m tests.twiml.fuzz --minutes $(FUZZ_MINUTES) $(addprefix --seed ,$(FUZZ_SEED))

contracts: $(VENV)/.installed-dev ## the tests that prove a contract's lines, and what is open
	@$(PYTEST) -q --contracts $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev ## ruff and hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.installed-dev ## rewrite the Python files in the common format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed-dev ## mypy
	$(BIN)/mypy

imports: $(VENV)/.installed-dev ## who may import whom
	$(BIN)/lint-imports

lock: ## resolve the lock files anew (LOCK_ARGS=--upgrade for newer versions)
	@scripts/lock.sh $(LOCK_ARGS)

clean: ## remove the private environments and everything made
	rm -rf $(VENV) .venv-other .venv-pipecat .venv-lock tests/node/node_modules *.egg-info build dist \
	  .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find app bridge twiml tests -name __pycache__ -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# A stamp holds the directory it was made in. An environment whose Python is gone, that was
# moved, or that was left half made, is made anew.
SOUND := $(shell [ "$$(cat $(VENV)/.installed 2>/dev/null)" = "$(CURDIR)" ] \
  && $(BIN)/python -c 'print("sound")' 2>/dev/null)
ifneq ($(SOUND),sound)
.PHONY: $(VENV)/.installed $(VENV)/.installed-dev
endif

$(VENV)/.installed: requirements.lock requirements-build.lock pyproject.toml
	@scripts/install.sh

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@scripts/install.sh dev
