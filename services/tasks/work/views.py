"""What is told of queues beside their items: counts, load, activity. No I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec


class Counts(msgspec.Struct, frozen=True):
    """How many items of a queue are in each state."""

    queued: int = 0
    leased: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.queued + self.leased + self.completed + self.failed


class Activity(msgspec.Struct, frozen=True):
    """What ended in a stretch of time; `mean_duration` is from hand-out to completion, zero when nothing completed."""

    completed: int = 0
    failed: int = 0
    mean_duration: timedelta = timedelta()


class Load(msgspec.Struct, frozen=True):
    """What is on all queues of a kind; `oldest_at` is when the oldest item that waits was made."""

    waiting: int = 0
    leased: int = 0
    oldest_at: datetime | None = None


class ItemFilter(msgspec.Struct, frozen=True):
    """Which items of a queue to list; None does not restrict."""

    queue: str
    state: str | None = None
    kind: str | None = None
    holder: str | None = None
    batch: str | None = None
