"""What every peer script shares: how it is called, the small task, and the tally of finished work.

A script is called as `python -m bench.peers.NAME ROLE URL FOLDER COUNT CONCURRENCY PROCESSES`. Worker processes that a
peer forks see the same arguments, so no setting has to travel any other way.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

VARIABLES = {"path": "src/module_17/part.py", "aspect": "authentication, authorization, input validation"}
_ENTRY = struct.Struct("ddd")


@dataclass(frozen=True)
class Call:
    """The arguments of a peer script.

    Attributes:
        role: `prepare`, `enqueue` or `work`.
        url: the engine.
        folder: where workers keep their tallies.
        count: tasks to enqueue.
        concurrency: enqueue calls at once, or tasks at once in all worker processes together.
        processes: worker processes.
    """

    role: str
    url: str
    folder: Path
    count: int
    concurrency: int
    processes: int


def arguments() -> Call:
    """Read the call from the command line."""
    role, url, folder, *numbers = sys.argv[1:7]
    return Call(role, url, Path(folder), *map(int, numbers))


class Tally:
    """Counts finished tasks in a shared page per process: a microsecond each, readable from outside at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = 0
        self._page: mmap.mmap | None = None
        self._count = 0.0
        self._first = 0.0

    def add(self) -> None:
        """Count one task as finished now."""
        now = time.monotonic()
        if self._page is None or self._pid != os.getpid():
            self._open(now)
        self._count += 1
        assert self._page is not None
        _ENTRY.pack_into(self._page, 0, self._count, self._first, now)

    def _open(self, now: float) -> None:
        self._pid, self._count, self._first = os.getpid(), 0.0, now
        path = self._folder / f"{self._pid}.tally"
        path.write_bytes(bytes(mmap.PAGESIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)


@dataclass(frozen=True)
class Total:
    """Sum over processes: tasks done, and when (monotonic seconds) the first and the last ended."""

    count: int
    first: float
    last: float


def total(folder: Path) -> Total:
    """Add up the tallies in `folder`."""
    entries = [entry for entry in _entries(folder) if entry[0] > 0]
    if not entries:
        return Total(0, 0.0, 0.0)
    counts, firsts, lasts = zip(*entries, strict=True)
    return Total(int(sum(counts)), min(firsts), max(lasts))


def _entries(folder: Path) -> Iterator[tuple[float, float, float]]:
    for path in folder.glob("*.tally"):
        data = path.read_bytes()[: _ENTRY.size]
        if len(data) == _ENTRY.size:
            yield _ENTRY.unpack(data)


def report(seconds: float, latencies_ms: list[float]) -> None:
    """Print what an enqueue run measured, for the parent."""
    print(json.dumps({"seconds": seconds, "latencies_ms": latencies_ms}))


async def enqueue_all(call: Call, send: Callable[[], Awaitable[object]]) -> None:
    """Send `count` tasks with `concurrency` calls in flight and report the times."""
    latencies_ms: list[float] = []
    left = call.count

    async def sender() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            begun = time.perf_counter()
            await send()
            latencies_ms.append((time.perf_counter() - begun) * 1000.0)

    await send()  # connections and scripts are made on the first call, outside the time
    begun = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(call.concurrency)))
    report(time.perf_counter() - begun, latencies_ms)
