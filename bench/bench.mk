# Benchmarks. `make bench` needs the environment of `make install`; the peers are made when they are missing.
BENCH_PYTHON ?= .venv/bin/python
BENCH_ARGS ?=

.PHONY: bench bench-quick bench-peers

bench: bench-peers ## the whole comparison, under 12 minutes; writes bench/results/
	$(BENCH_PYTHON) -m bench $(BENCH_ARGS)

bench-quick: ## small counts, under 2 minutes; without peers when bench-peers never ran
	$(BENCH_PYTHON) -m bench --quick $(BENCH_ARGS)

bench-peers: .venv-peers/.made .venv-peers-arq/.made ## environments of the queues that we compare with

.venv-peers/.made: bench/peers/requirements.txt
	$(BENCH_PYTHON) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

.venv-peers-arq/.made: bench/peers/requirements-arq.txt
	$(BENCH_PYTHON) -m venv --clear .venv-peers-arq
	.venv-peers-arq/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@
