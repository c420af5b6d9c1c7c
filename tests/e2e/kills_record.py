"""What the clients were promised while everything around them was killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Promise(NamedTuple):
    """An outcome that the platform has acknowledged to a worker."""

    status: str
    text: str
    token: int
    agent: str


class Create(NamedTuple):
    """A request that makes tasks.

    Attributes:
        key: its idempotency key.
        path: where it goes.
        body: what it says.
        numbers: the number that each of its tasks carries in its variables.
    """

    key: str
    path: str
    body: dict[str, Any]
    numbers: tuple[int, ...]


@dataclass
class Record:
    """Everything that was answered with success, and how often it was not.

    Attributes:
        made: the id of the task that was promised for each number.
        creates: the requests that made them.
        retried: the requests that had to be sent again before they were accepted.
        outcomes: what was acknowledged about each task, by its id; only final outcomes.
        failures: the failures that were acknowledged and left the task its further attempts, by task.
        stale: attempts to use a token after its task had gone to somebody else, and the status that they got.
        lost: outcomes that were refused because the lease had gone to somebody else meanwhile.
        statuses: how often each HTTP status was answered; 0 is a broken connection.
        errors: the answers that no client should ever see.
    """

    made: dict[int, str] = field(default_factory=dict)
    creates: list[Create] = field(default_factory=list)
    retried: set[str] = field(default_factory=set)
    outcomes: dict[str, set[Promise]] = field(default_factory=dict)
    failures: dict[str, set[Promise]] = field(default_factory=dict)
    stale: list[tuple[str, int, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def open(self) -> int:
        """How many tasks were accepted and have no final outcome yet."""
        return len(self.made) - len(self.outcomes)


class Pulse:
    """Counts what the clients do, so that a kill can wait for its moment."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def beat(self, kind: str) -> None:
        """Note that something happened."""
        self._counts[kind] += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, kind: str, count: int, limit_seconds: float = 60.0) -> None:
        """Wait until `kind` has happened `count` times from now on."""
        goal = self._counts[kind] + count
        async with asyncio.timeout(limit_seconds):
            while self._counts[kind] < goal:
                await self._changed.wait()
