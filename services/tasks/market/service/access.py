"""The way to tasks for every use case: who may come, how a task is read, how it is changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from kit.caller import MARKET
from services.tasks.market.errors import agent_required, busy, not_poster, task_not_found
from services.tasks.market.model import CREATING

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.model import MarketTask
    from services.tasks.market.money import Finish, Money
    from services.tasks.market.service.turns import Turns
    from services.tasks.market.store.tasks import TaskStore

_MAX_TRIES = 20

Result = TypeVar("Result")


def require_agent(caller: Caller) -> None:
    """Check that an agent with access to the market is calling.

    Raises:
        Unauthenticated: nobody is signed in.
        PermissionDenied: AGENT_REQUIRED, SCOPE_MISSING.
    """
    if caller.kind not in ("agent", "anonymous"):
        raise agent_required()
    caller.require(MARKET)


def require_reader(caller: Caller) -> None:
    """Check that an agent or one of our own services is calling."""
    if not caller.is_service:
        require_agent(caller)


def require_poster(caller: Caller, task: MarketTask, what: str) -> None:
    """Check that the caller acts for the poster; `what` ends the sentence, for example `cancel tasks`.

    Raises:
        PermissionDenied: NOT_POSTER.
    """
    if caller.operator_id != task.poster_id:
        raise not_poster(what)


def actor_of(caller: Caller) -> str:
    """Return what events call the caller."""
    return f"agent:{caller.agent_id}" if caller.agent_id else f"{caller.kind}:{caller.name or caller.operator_id}"


class TaskAccess:
    """Reads and changes tasks.

    Args:
        store: tasks.
        money: finishes what the ledger still has to do.
        turns: lets those who change the same task wait for each other.
    """

    def __init__(self, store: TaskStore, money: Money, turns: Turns) -> None:
        self._store = store
        self._money = money
        self._turns = turns

    async def read(self, task_id: int) -> MarketTask:
        """Return a task as it is.

        Raises:
            NotFound: TASK_NOT_FOUND.
        """
        task = await self._store.find(task_id)
        if task is None or task.status == CREATING:
            raise task_not_found(task_id)
        return task

    async def change(self, task_id: int, step: Callable[[MarketTask], Awaitable[Result | None]]) -> Result:
        """Change a task: read it, decide, and write, again until nobody else came between.

        Args:
            task_id: the task.
            step: gets the task without pending money. It raises a refusal, or writes with `TaskStore.transition` and
                returns a result, or None when that returned None.

        Raises:
            NotFound: TASK_NOT_FOUND.
            Conflict: TASK_BUSY, others were faster again and again.
            Unavailable: the task waits for the ledger, which does not answer.
        """
        async with self._turns.of(task_id):
            for _ in range(_MAX_TRIES):
                task = await self._settled(task_id)
                result = await step(task) if task is not None else None
                if result is not None:
                    return result
        raise busy(task_id)

    async def finish(self, task_id: int) -> Finish | None:
        """Finish the money of a task, whatever its status; None when there is no such task any more.

        Raises:
            Unavailable: the ledger does not answer.
        """
        async with self._turns.of(task_id):
            task = await self._store.find(task_id)
            return None if task is None else await self._money.finish(task)

    async def finish_new(self, task: MarketTask) -> Finish:
        """Finish the money of a task that this call has just made."""
        async with self._turns.of(task.id):
            return await self._money.finish(task)

    async def _settled(self, task_id: int) -> MarketTask | None:
        task = await self.read(task_id)
        return task if task.money is None else (await self._money.finish(task)).task
