"""A task as a worker sees it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import msgspec


class TaskFields(msgspec.Struct, rename="camel"):
    """The fields of a task's JSON that a worker acts on."""

    id: str
    lease_expires_at: datetime
    lease_token: int
    instructions: str = ""
    variables: dict[str, str] = {}
    type_name: str = ""
    description: str = ""
    retry_count: int = 0


class LeasedTask:
    """A task that this worker holds.

    Args:
        document: the task's JSON, as the platform sent it.
        answered_at: the time on the platform's clock when it did. Clocks of two machines differ, so what counts is how
            far apart the two times of one answer are.

    Attributes:
        ends_at: when the lease ends, on this process's monotonic clock.
    """

    def __init__(self, document: dict[str, Any], answered_at: datetime) -> None:
        self.document = document
        self.fields = msgspec.convert(document, TaskFields)
        self.ends_at = _on_our_clock(self.fields.lease_expires_at, answered_at)

    @property
    def id(self) -> str:
        """The task's id."""
        return self.fields.id

    @property
    def token(self) -> int:
        """The fencing token of this hand-out."""
        return self.fields.lease_token

    def remaining_seconds(self) -> float:
        """Return how long the lease lasts from now on, as far as this worker knows."""
        return self.ends_at - time.monotonic()

    def extend(self, ends_at: float) -> None:
        """Note the new end of the lease, on this process's monotonic clock."""
        self.ends_at = ends_at


def _on_our_clock(expires_at: datetime, answered_at: datetime) -> float:
    return time.monotonic() + (expires_at - answered_at).total_seconds()
