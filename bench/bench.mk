# Benchmarks; the Makefile includes this file. The environments of the peers are made when they are missing.
BENCH := PYTHONPATH=.:gen $(PY) -m bench
PEERS_INSTALL := -m pip install --quiet --disable-pip-version-check -r
BENCH_ARGS ?=

.PHONY: bench bench-quick bench-market bench-peers

bench: $(VENV)/.installed bench-peers ## the whole comparison, under 14 minutes; writes bench/results/
	$(BENCH) $(BENCH_ARGS)

bench-quick: $(VENV)/.installed ## small counts, under 4 minutes; without peers when bench-peers never ran
	$(BENCH) --quick $(BENCH_ARGS)

bench-market: $(VENV)/.installed ## the market alone, under 5 minutes; writes bench/results/
	$(BENCH) --only market $(BENCH_ARGS)

bench-peers: .venv-peers/.made .venv-peers-arq/.made ## environments of the queues that we compare with

.venv-peers/.made: bench/peers/requirements.txt | $(VENV)/.installed
	$(PY) -m venv --clear .venv-peers
	.venv-peers/bin/python $(PEERS_INSTALL) $<
	touch $@

.venv-peers-arq/.made: bench/peers/requirements-arq.txt | $(VENV)/.installed
	$(PY) -m venv --clear .venv-peers-arq
	.venv-peers-arq/bin/python $(PEERS_INSTALL) $<
	touch $@
