"""Engines that do a run of the same shape: take apart, four agents side by side, join, check, with a model of no delay.

Each runs in one process of its own environment, called in its own client: first one run after the other, then many at
once.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from bench import engines
from bench.load import Series
from bench.peers import race

TIMEOUT_SECONDS = 180.0
_LANGGRAPH = ".venv-peers-langgraph"
# As many as are started at once: by itself it does one after the other.
_SERVER_RUNS = 32


@contextmanager
def _memory(_: Path) -> Iterator[str]:
    """No engine at all."""
    yield "memory"


@contextmanager
def _langgraph_server(folder: Path) -> Iterator[str]:
    """`langgraph dev`: it asks for no licence, and reports nothing; yields its URL."""
    port = engines.free_port()
    graph = f"{race.ROOT / 'bench' / 'peers' / 'langgraph_graph.py'}:graph"
    (folder / "langgraph.json").write_text(json.dumps({"dependencies": [str(race.ROOT)], "graphs": {"run": graph}}))
    command = [str(race.ROOT / _LANGGRAPH / "bin" / "langgraph"), "dev", "--no-browser", "--no-reload"]
    numbers = ["--port", str(port), "--n-jobs-per-worker", str(_SERVER_RUNS)]
    silence = {"LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGSMITH_TRACING": "false", "LOG_LEVEL": "ERROR"}
    place = {"PATH": os.defpath, "PYTHONPATH": str(race.ROOT), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    ready = functools.partial(engines.answers, port)
    with engines.running([*command, *numbers], "langgraph", ready, folder, env=place | silence, cwd=folder):
        yield f"http://127.0.0.1:{port}"


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """An engine to compare with.

    Attributes:
        script: module under `bench.peers`.
        packages: distributions whose versions the report names.
        keeps: what is left of a run when the process is killed in the middle of it, and afterwards.
        most_alone: how many runs it does one after the other at the most.
    """

    name: str
    script: str
    environment: str
    packages: tuple[str, ...]
    engine: Callable[[Path], AbstractContextManager[str]]
    keeps: str
    most_alone: int = 1_000


RIVALS = (
    Rival(
        name="LangGraph",
        script="langgraph_peer",
        environment=_LANGGRAPH,
        packages=("langgraph",),
        engine=_memory,
        keeps="checkpoints in the memory of the process: nothing survives it; no queue, no operators, no budget",
    ),
    Rival(
        name="LangGraph server",
        script="langgraph_server_peer",
        environment=_LANGGRAPH,
        packages=("langgraph-api",),
        engine=_langgraph_server,
        keeps="runs, threads and checkpoints in the memory of the server, written to a file now and then; asked over "
        "HTTP; made for development, its maker says; no operators, no budget",
        # It looks for work twice in a second when it has none: these runs take that long.
        most_alone=20,
    ),
    Rival(
        name="DBOS",
        script="dbos_peer",
        environment=".venv-peers-dbos",
        packages=("dbos",),
        engine=engines.postgres,
        keeps="input, outcome of each step and result committed to PostgreSQL (fsync): goes on after a crash; "
        "steps run in the process that started the run; no operators, no budget, no events",
    ),
)


class RivalRun(msgspec.Struct, kw_only=True):
    """What one engine did: runs one after the other, and many at once."""

    name: str
    version: str
    keeps: str
    alone: Series
    at_once: Series


def run(rival: Rival, folder: Path, alone: int, at_once: int, concurrency: int) -> RivalRun:
    """Let `rival` do `alone` runs one after the other, then `at_once` runs, `concurrency` at a time.

    Raises:
        RuntimeError: its script failed.
    """
    folder.mkdir(parents=True)
    with rival.engine(folder) as url:
        one = _measure(rival, url, folder, min(alone, rival.most_alone), 1)
        many = _measure(rival, url, folder, at_once, concurrency)
    version = race.versions(rival.environment, rival.packages)
    return RivalRun(name=rival.name, version=version, keeps=rival.keeps, alone=one, at_once=many)


def _measure(rival: Rival, url: str, folder: Path, count: int, concurrency: int) -> Series:
    python = str(race.ROOT / rival.environment / "bin" / "python")
    numbers = [str(count), str(concurrency), "1"]
    command = [python, "-m", f"bench.peers.{rival.script}", "run", url, str(folder), *numbers]
    done = subprocess.run(command, cwd=race.ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{rival.name} failed:\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Series(seconds=said["seconds"], latencies_ms=said["latencies_ms"], tasks=count)
