"""Money of tasks: what was decided here happens in the ledger, once, whatever breaks in between.

1. A guarded write stores the intent in the task, together with the change of the task when the ledger cannot refuse.
2. The ledger does it. Its ids come from the task, so that doing it again changes nothing.
3. A guarded write takes the intent off; when the ledger could have refused, this is what changes the task.

Whoever meets a task with an intent finishes it first, and a loop finishes those that nobody meets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import structlog

from kit.errors import DomainError, NotFound, Unavailable, WrongState
from services.tasks.market.errors import is_refusal
from services.tasks.market.model import ADJUST, GIVE_UP, HOLD, RELEASE, SETTLE, Leg, MarketTask, MoneyIntent

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.tasks.market.peers import BillingPeer
    from services.tasks.market.store.tasks import TaskStore

_log = structlog.get_logger(__name__)

# Step 3 of an action that the ledger may refuse: takes the task with its intent and the refusal, None when the ledger
# agreed; returns the task after it, None when somebody else was first or the task is gone.
Ending: TypeAlias = Callable[[MarketTask, DomainError | None], Awaitable[MarketTask | None]]


class Finish(NamedTuple):
    """How an intent ended.

    Attributes:
        task: the task after it; None when it is gone, or when somebody else finished it first.
        refusal: why the ledger refused; None when it agreed.
    """

    task: MarketTask | None
    refusal: DomainError | None


class Money:
    """Makes intents and carries them out.

    Args:
        store: tasks.
        ledger: moves money.
        clock: the time.
    """

    def __init__(self, store: TaskStore, ledger: BillingPeer, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._endings: dict[str, Ending] = {}

    def ends(self, action: str, ending: Ending) -> None:
        """Say what changes a task when the ledger has answered an intent of `action`."""
        self._endings[action] = ending

    def hold(self, task: MarketTask, action: str, actor: str) -> MoneyIntent:
        """Return the intent to set the budget of a new task aside."""
        return MoneyIntent(
            HOLD, task.hold_id, self._clock.now(), f"Hold for task: {task.title}", task.budget, (), action, actor
        )

    def adjust(self, task: MarketTask, amount: int, action: str = "", actor: str = "") -> MoneyIntent:
        """Return the intent to set `amount` aside from now on; lowering needs no action that waits for the answer."""
        sentence = f"{'Hold' if action else 'Release'} for task: {task.title}"
        return MoneyIntent(
            ADJUST, self._transfer(task), self._clock.now(), sentence, amount, action=action, actor=actor
        )

    def settle(self, task: MarketTask, legs: tuple[Leg, ...], description: str) -> MoneyIntent:
        """Return the intent to pay out of the hold and give the rest back."""
        return MoneyIntent(SETTLE, self._transfer(task), self._clock.now(), description, legs=legs)

    def release(self, task: MarketTask, description: str, action: str = "") -> MoneyIntent:
        """Return the intent to give the whole hold back."""
        return MoneyIntent(RELEASE, self._transfer(task), self._clock.now(), description, action=action)

    async def finish(self, task: MarketTask) -> Finish:
        """Carry out the intent of a task.

        Raises:
            Unavailable: the ledger does not answer; whether it did it is not known, and the intent stays.
        """
        intent = task.money
        if intent is None:
            return Finish(task, None)
        refusal: DomainError | None = None
        try:
            await self._ledger.carry_out(task, intent)
        except WrongState as error:
            if not (intent.action and is_refusal(error)):
                raise
            refusal = error
        except NotFound:
            if intent.action != GIVE_UP:
                raise
        ending = self._endings[intent.action] if intent.action else self._clear
        return Finish(await ending(task, refusal), refusal)

    async def finish_soon(self, task: MarketTask) -> MarketTask:
        """Carry out an intent whose task has changed already: when it cannot be done now, it is done later.

        Whoever changed the task is told so even when the ledger is in disorder: that is for people to look at.
        """
        try:
            finish = await self.finish(task)
        except DomainError as error:
            log = _log.warning if isinstance(error, Unavailable) else _log.error
            log("money moves later", task_id=task.id, step=task.money and task.money.step, reason=error.reason)
            return task
        return finish.task or task

    async def _clear(self, task: MarketTask, _refusal: DomainError | None) -> MarketTask | None:
        return await self._store.transition(task, {"money": None}, None)

    @staticmethod
    def _transfer(task: MarketTask) -> str:
        # The version after the write that stores the intent: no other write ever has it.
        return f"{task.hold_id}:{task.version + 1}"
