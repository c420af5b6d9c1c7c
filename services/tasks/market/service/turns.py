"""One change of a task at a time in this process. The guard of the write decides between processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets those who change the same task wait for each other, so that they do not repeat each other's work."""

    def __init__(self) -> None:
        self._locks: dict[int, asyncio.Lock] = {}
        self._users: dict[int, int] = {}

    @property
    def waited_for(self) -> set[int]:
        """The tasks that are being changed."""
        return set(self._users)

    @asynccontextmanager
    async def of(self, task_id: int) -> AsyncIterator[None]:
        """Wait for the turn to change a task."""
        lock = self._locks.setdefault(task_id, asyncio.Lock())
        self._users[task_id] = self._users.get(task_id, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[task_id] -= 1
            if not self._users[task_id]:
                del self._users[task_id], self._locks[task_id]
