"""Engines that do a run of the same shape: take apart, four agents side by side, join, check, with a model of no delay.

Each runs in one process of its own environment, called in its own client: first one run after the other, then many at
once.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from bench import engines
from bench.load import Series
from bench.peers import race

TIMEOUT_SECONDS = 180.0


@contextmanager
def _memory(_: Path) -> Iterator[str]:
    """No engine at all."""
    yield "memory"


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """An engine to compare with.

    Attributes:
        script: module under `bench.peers`.
        packages: distributions whose versions the report names.
        keeps: what is left of a run when the process is killed in the middle of it, and afterwards.
    """

    name: str
    script: str
    environment: str
    packages: tuple[str, ...]
    engine: Callable[[Path], AbstractContextManager[str]]
    keeps: str


RIVALS = (
    Rival(
        name="LangGraph",
        script="langgraph_peer",
        environment=".venv-peers-langgraph",
        packages=("langgraph",),
        engine=_memory,
        keeps="checkpoints in the memory of the process: nothing survives it; no queue, no operators, no budget",
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
        one = _measure(rival, url, folder, alone, 1)
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
