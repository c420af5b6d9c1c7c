"""What the market does by itself: finish the money of tasks, and end those that nobody took in time."""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from kit.background import every
from kit.errors import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.tasks import TaskService
    from services.tasks.market.store.tasks import TaskStore

# Older than any call to the ledger can be, see `LEDGER_TIMEOUT_SECONDS`.
INTENT_AGE = timedelta(seconds=10)
EXPIRY_GRACE = timedelta(days=7)
_AT_ONCE = 8
_log = structlog.get_logger(__name__)


async def _each(tasks: list[int], what: str, act: Callable[[int], Awaitable[object]]) -> int:
    """Do something to each task, whatever is wrong with another; returns how many went well.

    Raises:
        Unavailable: nothing can be done for any of several at once.
    """
    done = 0
    for start in range(0, len(tasks), _AT_ONCE):
        part = tasks[start : start + _AT_ONCE]
        results = await asyncio.gather(*(_one(task_id, what, act) for task_id in part))
        away = [result for result in results if isinstance(result, Unavailable)]
        if len(away) == len(part):
            raise away[0]
        done += results.count(None)
    return done


async def _one(task_id: int, what: str, act: Callable[[int], Awaitable[object]]) -> Exception | None:
    try:
        await act(task_id)
    except (NotFound, Conflict) as error:
        _log.info("a task changed meanwhile", task_id=task_id, what=what, reason=error.reason)
        return error
    except Unavailable as error:
        return error
    except Exception as error:  # noqa: BLE001 - logged with its stack, and tried again with the next look
        _log.exception("a task cannot be finished", task_id=task_id, what=what)
        return error
    return None


class _Looker(abc.ABC):
    """Looks again and again, however it went."""

    what = ""

    def __init__(self, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds

    @abc.abstractmethod
    async def tick(self) -> int:
        """Look once; returns how many tasks were dealt with."""

    async def run(self) -> None:
        """Look for ever."""
        await every(self._tick_seconds, self.tick, f"tasks cannot be finished now: {self.what}")


class Reconciler(_Looker):
    """Finishes intents that a crash or an outage of the ledger left in tasks. One replica runs it.

    Args:
        store: finds them.
        access: finishes them.
        clock: the time.
        age: how old an intent is before the loop takes it up.
        tick_seconds: how often to look.
    """

    what = "money"

    def __init__(
        self,
        store: TaskStore,
        access: TaskAccess,
        clock: Clock,
        *,
        age: timedelta = INTENT_AGE,
        tick_seconds: float = 2.0,
    ) -> None:
        super().__init__(tick_seconds)
        self._store = store
        self._access = access
        self._clock = clock
        self._age = age

    async def tick(self) -> int:
        """Finish what is old enough."""
        return await _each(await self._store.unsettled(self._clock.now() - self._age), self.what, self._access.finish)


class Expiry(_Looker):
    """Cancels open tasks whose deadline passed long ago, so that their budget comes back. One replica runs it.

    Args:
        store: finds them.
        tasks: cancels them.
        clock: the time.
        grace: how long after its deadline a task may still be claimed.
        tick_seconds: how often to look.
    """

    what = "expiry"

    def __init__(
        self,
        store: TaskStore,
        tasks: TaskService,
        clock: Clock,
        *,
        grace: timedelta = EXPIRY_GRACE,
        tick_seconds: float = 60.0,
    ) -> None:
        super().__init__(tick_seconds)
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._grace = grace

    async def tick(self) -> int:
        """Cancel what is overdue."""
        before = self._clock.now() - self._grace
        overdue = await self._store.overdue(before)
        return await _each(overdue, self.what, lambda task_id: self._tasks.expire(task_id, before))
