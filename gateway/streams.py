"""The event streams that are open: how many each operator may have, and how all of them end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from gateway.errors import Failure


class Streams:
    """Counts open streams.

    Args:
        per_operator: how many one operator may have open here.
        heartbeat_seconds: how long a stream may be silent before a comment is sent.

    Attributes:
        shared: what is read once for several streams, by what it is.
    """

    def __init__(self, *, per_operator: int = 100, heartbeat_seconds: float = 15.0) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self.shared: dict[Hashable, Any] = {}
        self._per_operator = per_operator
        self._open: Counter[int] = Counter()
        self._ending = asyncio.Event()

    @property
    def ending(self) -> asyncio.Event:
        """Set when every stream has to end, because the gateway stops."""
        return self._ending

    @contextmanager
    def admit(self, operator_id: int) -> Iterator[None]:
        """Count a stream of `operator_id` as open.

        Raises:
            Failure: 429, it has too many open.
        """
        if self._open[operator_id] >= self._per_operator:
            raise Failure(
                429,
                f"Too many event streams: at most {self._per_operator} at a time",
                headers={"Retry-After": "5"},
                reason="TOO_MANY_STREAMS",
            )
        self._open[operator_id] += 1
        try:
            yield
        finally:
            self._open[operator_id] -= 1
            if not self._open[operator_id]:
                del self._open[operator_id]

    def end(self) -> None:
        """Ask all streams to end."""
        self._ending.set()
