"""Group commit: calls that arrive while a write is under way go to the database together as the next write.

There is no timer: a batch is whatever waited while the last one was written, so a lone call never waits and a crowd
shares one round trip and one journal flush. One result per caller; one caller's error is never another's.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

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
        self._active = 0
        self._writers: set[asyncio.Task[None]] = set()

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
        if self._active < self._max_parallel:
            self._active += 1
            writer = asyncio.create_task(self._drain())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await entry.future

    @property
    def idle(self) -> bool:
        """Whether nothing waits and no write is under way."""
        return not self._active

    async def close(self) -> None:
        """Wait until everything submitted has been written."""
        while self._writers:
            await asyncio.wait(self._writers)

    async def _drain(self) -> None:
        # The first turn of the loop lets every caller that is ready now join the first batch.
        await asyncio.sleep(0)
        try:
            while batch := self._take():
                await self._flush(batch)
        finally:
            # Nothing may wait between the last look at the queue and this line, or an item would find no writer.
            self._active -= 1

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
            # A batch runs in the context of its first caller, so that its trace goes on to the database.
            outcomes = await asyncio.create_task(self._run([entry.item for entry in batch]), context=batch[0].context)
        except Exception as error:  # noqa: BLE001 - every failure of the write belongs to its callers
            outcomes = [error] * len(batch)
        except asyncio.CancelledError:
            # Whoever cancels a write must not leave its callers waiting for ever, nor those who wait behind them.
            for entry in batch:
                entry.future.cancel()
            if (drain := asyncio.current_task()) is not None and drain.cancelling():
                raise
            return
        for entry, outcome in zip(batch, outcomes, strict=True):
            if entry.future.done():
                continue
            if isinstance(outcome, Exception):
                entry.future.set_exception(outcome)
            else:
                entry.future.set_result(outcome)

    async def _run(self, items: list[Item]) -> Sequence[Result | Exception]:
        return await self._write(items)
