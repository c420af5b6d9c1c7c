"""When the slots of a worker go on and when they end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_Value = TypeVar("_Value")


class Shift:
    """What the slots of one worker process have in common.

    Args:
        wait_seconds: how long a request waits for work.
        until_empty: whether the shift ends when no task is left.

    Attributes:
        ending: set when no more tasks are to be taken.
        aborted: set when running commands are to be ended as well.
    """

    def __init__(self, wait_seconds: int, *, until_empty: bool) -> None:
        self.wait_seconds = 0 if until_empty else wait_seconds
        self.until_empty = until_empty
        self.ending = asyncio.Event()
        self.aborted = asyncio.Event()
        self._busy = 0
        self._changed = asyncio.Event()

    async def unless_ending(self, coroutine: Coroutine[Any, Any, _Value]) -> _Value | None:
        """Return what `coroutine` returns; cancel it and return None when the shift ends first."""
        job, ending = asyncio.create_task(coroutine), asyncio.create_task(self.ending.wait())
        try:
            await asyncio.wait({job, ending}, return_when=asyncio.FIRST_COMPLETED)
            return job.result() if job.done() else None
        finally:
            job.cancel()
            ending.cancel()
            await asyncio.wait({job, ending})

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count a slot as busy."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._changed.set()
            self._changed = asyncio.Event()

    async def worth_asking_again(self) -> bool:
        """Tell whether a queue that was empty may fill again: wait until some busy slot, if there is one, has ended.

        A task that fails goes back to the queue, so as long as one runs the queue is not finally empty.
        """
        if not self._busy:
            return False
        await self.unless_ending(self._changed.wait())
        return True
