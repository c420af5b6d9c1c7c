# Everything a developer runs. `make up` and `make test` do all the set-up from a fresh clone.
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
GEN_PATHS := -I proto -I third_party/proto
PROTOS := $(shell find proto third_party/proto -name '*.proto')

.PHONY: install up demo test check proto bench bench-peers lock

proto: $(VENV)/.installed  ## Generate gen/ from proto/.
	rm -rf gen && mkdir gen
	$(PY) -m grpc_tools.protoc $(GEN_PATHS) --python_out=gen --mypy_out=quiet:gen $(PROTOS)
	$(PY) -m grpc_tools.protoc $(GEN_PATHS) --grpc_python_out=gen --mypy_grpc_out=quiet:gen $(shell grep -rl '^service ' proto)
