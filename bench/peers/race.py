"""Runs the peers one after another: enqueue N tasks, then drain them with workers that start on a full queue."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import msgspec

from bench import engines
from bench.load import Series
from bench.peers.call import total

ROOT = Path(__file__).resolve().parents[2]
ENQUEUE_CONCURRENCY = 16
DRAIN_CONCURRENCY = 64
PROCESSES = 2
TIMEOUT_SECONDS = 90.0


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A queue to compare with.

    Attributes:
        script: module under `bench.peers`.
        packages: distributions whose versions the report names.
        commands: worker commands to start; the script forks the rest of its processes itself.
        guarantee: what it promises in this set-up.
    """

    name: str
    script: str
    environment: str
    packages: tuple[str, ...]
    engine: Callable[[Path], AbstractContextManager[str]]
    commands: int
    guarantee: str
    prepare: bool = False


_STREAM = "Valkey AOF, flushed every second: up to 1 s of acknowledged work can be lost"
PEERS = (
    Peer(
        name="Celery",
        script="celery_peer",
        environment=".venv-peers",
        packages=("celery",),
        engine=engines.valkey,
        commands=1,
        guarantee=f"at least once (late acknowledgement), result kept; {_STREAM}",
    ),
    Peer(
        name="arq",
        script="arq_peer",
        environment=".venv-peers-arq",
        packages=("arq",),
        engine=engines.valkey,
        commands=PROCESSES,
        guarantee=f"at least once, result kept 1 h; {_STREAM}",
    ),
    Peer(
        name="taskiq",
        script="taskiq_peer",
        environment=".venv-peers",
        packages=("taskiq", "taskiq-redis"),
        engine=engines.valkey,
        commands=1,
        guarantee=f"at least once (stream acknowledged when the result is saved), result kept 1 h; {_STREAM}",
    ),
    Peer(
        name="procrastinate",
        script="procrastinate_peer",
        environment=".venv-peers",
        packages=("procrastinate",),
        engine=engines.postgres,
        commands=PROCESSES,
        guarantee="at least once, state committed to PostgreSQL (fsync), return value not kept",
        prepare=True,
    ),
)


class PeerRun(msgspec.Struct, kw_only=True):
    """What one peer did: `enqueue` 16 at a time, `drain` with 64 tasks in flight in two processes."""

    name: str
    version: str
    guarantee: str
    enqueue: Series
    drain_per_second: float


def available(environment: str) -> bool:
    """Whether `make bench-peers` has made an environment."""
    return (ROOT / environment / ".made").exists()


def run(peer: Peer, folder: Path, count: int) -> PeerRun:
    """Let `peer` enqueue and drain `count` tasks on an engine of its own.

    Raises:
        RuntimeError: a script failed, or the drain took longer than 90 seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with peer.engine(folder) as url:
        if peer.prepare:
            _script(peer, "prepare", url, folder, count)
        sent = json.loads(_script(peer, "enqueue", url, folder, count))
        enqueue = Series(seconds=sent["seconds"], latencies_ms=sent["latencies_ms"], tasks=count)
        rate = _drain(peer, url, folder, count)
    return PeerRun(
        name=peer.name,
        version=versions(peer.environment, peer.packages),
        guarantee=peer.guarantee,
        enqueue=enqueue,
        drain_per_second=rate,
    )


def _command(peer: Peer, role: str, url: str, folder: Path, count: int) -> list[str]:
    python = str(ROOT / peer.environment / "bin" / "python")
    concurrency = ENQUEUE_CONCURRENCY if role == "enqueue" else DRAIN_CONCURRENCY
    numbers = [str(count), str(concurrency), str(PROCESSES)]
    return [python, "-m", f"bench.peers.{peer.script}", role, url, str(folder), *numbers]


def _script(peer: Peer, role: str, url: str, folder: Path, count: int) -> str:
    command = _command(peer, role, url, folder, count)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(f"{peer.name} {role} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _drain(peer: Peer, url: str, folder: Path, count: int) -> float:
    """Tasks per second between the first and the last task that ended, so that starting workers costs nothing."""
    command = _command(peer, "work", url, folder, count)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with ExitStack() as stack:
        for number in range(peer.commands):
            what = f"{peer.script}-{number}"
            stack.enter_context(engines.running(command, what, lambda: True, folder, cwd=ROOT))
        while (done := total(folder)).count < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{peer.name} drained {done.count} of {count} tasks in {TIMEOUT_SECONDS:.0f} s")
            time.sleep(0.1)
    return (done.count - 1) / (done.last - done.first)


def versions(environment: str, packages: Sequence[str]) -> str:
    """Return the versions of distributions in an environment."""
    python = str(ROOT / environment / "bin" / "python")
    code = "import sys; from importlib.metadata import version; print(*[version(name) for name in sys.argv[1:]])"
    return subprocess.check_output([python, "-c", code, *packages], text=True, timeout=30).strip()
