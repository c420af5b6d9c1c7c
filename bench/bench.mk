# Benchmarks; the Makefile includes this file. The environments of the peers are made when they are missing.
BENCH := PYTHONPATH=.:gen $(PY) -m bench
PEERS_INSTALL := -m pip install --quiet --disable-pip-version-check -r
BENCH_ARGS ?=

.PHONY: bench bench-quick bench-market bench-runs bench-peers bench-run-peers

bench: $(VENV)/.installed bench-peers ## the whole comparison, under 20 minutes; writes bench/results/
	$(BENCH) $(BENCH_ARGS)

bench-quick: $(VENV)/.installed ## small counts, under 6 minutes; without peers when bench-peers never ran
	$(BENCH) --quick $(BENCH_ARGS)

bench-market: $(VENV)/.installed ## the market alone, under 5 minutes; writes bench/results/
	$(BENCH) --only market $(BENCH_ARGS)

bench-runs: $(VENV)/.installed bench-run-peers ## runs alone, under 8 minutes; writes bench/results/
	$(BENCH) --only runs $(BENCH_ARGS)

bench-peers: .venv-peers/.made .venv-peers-arq/.made bench-run-peers ## environments of what we compare with

bench-run-peers: .venv-peers-langgraph/.made .venv-peers-dbos/.made

.venv-peers/.made: bench/peers/requirements.txt | $(VENV)/.installed
	$(PY) -m venv --clear .venv-peers
	.venv-peers/bin/python $(PEERS_INSTALL) $<
	touch $@

.venv-peers-%/.made: bench/peers/requirements-%.txt | $(VENV)/.installed
	$(PY) -m venv --clear $(@D)
	$(@D)/bin/python $(PEERS_INSTALL) $<
	touch $@
