"""Group commit: calls that arrive while a write is under way go to the database together as the next write.

There is no timer: a batch is whatever waited while the last one was written, and whoever comes within a few turns of
the event loop. So a lone call waits for microseconds and a crowd shares one round trip and one journal flush. One
result per caller; one caller's error is never another's.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

# More than a request takes from its socket to here: who is on the way joins. An idle loop turns in two microseconds.
_TURNS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Entry(Generic[Item, Result]):
    __slots__ = ("context", "future", "item")

    def __init__(self, item: Item, future: asyncio.Future[Result], context: contextvars.Context) -> None:
        self.item = item
        self.future = future
        self.context = context


class Combiner(Generic[Item, Result]):
    """Collects items and writes them in batches.

    Args:
        write: writes a batch and returns one outcome per item, in order: a result, or an exception for that caller
            alone. If it raises, every caller of the batch gets that exception.
        max_batch: the most items in one call of `write`.
        max_parallel: how many writes may be under way at once.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_batch: int = 256,
        max_parallel: int = 1,
    ) -> None:
        self._write = write
        self._max_batch = max_batch
        self._max_parallel = max_parallel
        self._waiting: deque[_Entry[Item, Result]] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._gatherer: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """Write `item` with whatever else waits, and return its own result.

        A caller that is cancelled while its item waits takes it back; once the write has begun, the write goes on.

        Raises:
            Exception: the outcome of this item, or the failure of the whole write.
        """
        entry: _Entry[Item, Result] = _Entry(
            item, asyncio.get_running_loop().create_future(), contextvars.copy_context()
        )
        self._waiting.append(entry)
        self._begin()
        return await entry.future

    @property
    def idle(self) -> bool:
        """Whether nothing waits and no write is under way."""
        return not self._writers

    async def close(self) -> None:
        """Wait until everything submitted has been written."""
        while self._writers:
            await asyncio.wait(self._writers)

    def _begin(self) -> None:
        """Gather the next batch, unless one is being gathered or enough are being written."""
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()
        if not self._waiting or self._gatherer is not None or len(self._writers) >= self._max_parallel:
            return
        # A batch runs in the context of its first caller, so that its trace goes on to the database.
        writer = asyncio.create_task(self._write_next(), context=self._waiting[0].context)
        self._gatherer = writer
        self._writers.add(writer)
        writer.add_done_callback(self._end)

    def _end(self, writer: asyncio.Task[None]) -> None:
        self._writers.discard(writer)
        if self._gatherer is writer:
            self._gatherer = None
        self._begin()

    async def _write_next(self) -> None:
        for _ in range(_TURNS):
            if len(self._waiting) >= self._max_batch:
                break
            await asyncio.sleep(0)
        batch = self._take()
        self._gatherer = None
        self._begin()
        if batch:
            await self._flush(batch)

    def _take(self) -> list[_Entry[Item, Result]]:
        batch: list[_Entry[Item, Result]] = []
        while self._waiting and len(batch) < self._max_batch:
            entry = self._waiting.popleft()
            if not entry.future.done():
                batch.append(entry)
        return batch

    async def _flush(self, batch: list[_Entry[Item, Result]]) -> None:
        outcomes: Sequence[Result | Exception]
        try:
            outcomes = await self._write([entry.item for entry in batch])
        except Exception as error:  # noqa: BLE001 - every failure of the write belongs to its callers
            outcomes = [error] * len(batch)
        except asyncio.CancelledError:
            # Whoever cancels a write must not leave its callers waiting for ever.
            for entry in batch:
                entry.future.cancel()
            raise
        for entry, outcome in zip(batch, outcomes, strict=True):
            if entry.future.done():
                continue
            if isinstance(outcome, Exception):
                entry.future.set_exception(outcome)
            else:
                entry.future.set_result(outcome)
