"""The server of the local model, a program of its own.

Run as `python -I local_program.py WEIGHTS ADDRESS_FILE CONTEXT_TOKENS PARALLEL`. It writes its address to the file when
it is ready, and runs until it is ended.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Serve until a signal comes."""
    weights, address, context, parallel = sys.argv[1:]
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before there are threads, which take it over
    # The platform beside it matters more.
    os.nice(5)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = weights
    parameters.n_ctx = int(context)
    parameters.n_parallel = int(parallel)
    parameters.cpuparams.n_threads = max(1, min(4, (os.cpu_count() or 1)))
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    ready = Path(f"{address}.new")
    ready.write_text(server.listening_address, encoding="utf-8")
    ready.replace(address)
    signal.sigwait(signals)
    # Nothing is to be saved, and native threads take their time to end.
    os._exit(0)


if __name__ == "__main__":
    main()
