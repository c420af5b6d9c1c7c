"""Use cases of tasks: post, read, cancel, roll back, expire."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from kit.errors import DomainError
from kit.ids import new_id
from services.tasks.market.categories import CATEGORIES
from services.tasks.market.errors import (
    busy,
    category_not_found,
    deadline_past,
    insufficient_credits,
    invalid_status,
    llm_key_missing,
    llm_provider_missing,
)
from services.tasks.market.model import (
    CANCEL,
    CANCELLED,
    CREATE,
    CREATING,
    DEFAULT_MAX_REVISIONS,
    GIVE_UP,
    OPEN,
    MarketEvent,
    MarketTask,
)
from services.tasks.market.service.access import actor_of, require_agent, require_poster, require_reader

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from kit.keyring import KeyRing
    from services.tasks.market.money import Money
    from services.tasks.market.peers import BillingPeer
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.store.claims import ClaimStore
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.tasks import TaskStore

COUNTER = "market_tasks"
_EXPIRED = "expiry"
_NOT_MADE = "Release for a task that was not made"


class NewTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a new task says."""

    title: str
    description: str
    budget: int
    category_id: int = 0
    requirements: str = ""
    deadline: datetime | None = None
    max_revisions: int | None = None
    auto_review_enabled: bool = False
    llm_provider: str = ""
    llm_key: str = ""
    max_reviews: int | None = None


class Names(Protocol):
    """Knows what operators are called."""

    async def operator_name(self, operator_id: int) -> str:
        """Return the name of an operator."""
        ...


class TaskService:
    """Makes tasks and ends them.

    Args:
        access: reads and changes tasks.
        store: tasks.
        claims: claims.
        counters: gives numbers.
        money: moves money.
        ledger: knows balances.
        names: knows operators.
        keys: seals secrets.
        clock: the time.
    """

    def __init__(
        self,
        access: TaskAccess,
        store: TaskStore,
        claims: ClaimStore,
        counters: Counters,
        money: Money,
        ledger: BillingPeer,
        names: Names,
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._claims = claims
        self._counters = counters
        self._money = money
        self._ledger = ledger
        self._names = names
        self._keys = keys
        self._clock = clock
        money.ends(CREATE, self._end_create)
        money.ends(GIVE_UP, self._end_give_up)

    async def post(self, caller: Caller, new: NewTask, key: str | None) -> MarketTask:
        """Make a task and hold its budget; with an idempotency `key`, at most one for that key.

        Raises:
            InvalidInput: DEADLINE_PAST, LLM_PROVIDER_MISSING, LLM_KEY_MISSING.
            NotFound: CATEGORY_NOT_FOUND.
            WrongState: INSUFFICIENT_CREDITS.
            Unavailable: the ledger does not answer. The task opens later, if it can; with the key one learns of it.
        """
        require_agent(caller)
        if new.deadline is not None and new.deadline <= self._clock.now():
            raise deadline_past()
        if new.category_id and new.category_id not in CATEGORIES:
            raise category_not_found(new.category_id)
        await self._check_review(caller, new)
        draft = await self._draft(caller, new, key)
        return await self._open(draft, await self._store.insert(draft))

    async def get(self, caller: Caller, task_id: int) -> MarketTask:
        """Return a task."""
        require_reader(caller)
        return await self._access.read(task_id)

    async def cancel(self, caller: Caller, task_id: int) -> MarketTask:
        """End an open or claimed task and release its hold.

        Raises:
            PermissionDenied: NOT_POSTER.
            WrongState: INVALID_STATUS.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> MarketTask | None:
            require_poster(caller, task, "cancel tasks")
            if not task.allows(CANCEL):
                raise invalid_status(task, f"Cannot cancel task in '{task.status}' status")
            return await self._cancel(task, actor_of(caller), "poster")

        return await self._access.change(task_id, step)

    async def expire(self, task_id: int, before: datetime) -> bool:
        """Cancel a task if it is open and its deadline is before a time; tells whether it is cancelled now."""

        async def step(task: MarketTask) -> MarketTask | None:
            if task.status != OPEN or task.deadline is None or task.deadline >= before:
                return task
            return await self._cancel(task, _EXPIRED, "expired")

        return (await self._access.change(task_id, step)).status == CANCELLED

    async def _cancel(self, task: MarketTask, actor: str, reason: str) -> MarketTask | None:
        money = self._money.release(task, f"Release for cancelled task: {task.title}")
        changes = {"status": CANCELLED, "assignment": None, "money": money}
        event = MarketEvent("task.cancelled", actor, {"reason": reason})
        rejection = self._claims.reject_all(task.id, self._clock.now(), accepted=True)
        cancelled = await self._store.transition(task, changes, event, [rejection])
        return None if cancelled is None else await self._money.finish_soon(cancelled)

    async def _open(self, draft: MarketTask, task: MarketTask) -> MarketTask:
        """Open a task that was inserted, as `draft` by this call or by one that was interrupted."""
        if task.status != CREATING:
            return task
        is_new = task.id == draft.id
        finish = await (self._access.finish_new(task) if is_new else self._access.finish(task.id))
        if finish is not None and finish.refusal is not None:
            if is_new and task.idempotency is None and finish.task is not None:
                # Nobody but this call knew of it, so nothing can come late.
                await self._store.remove(finish.task)
            raise finish.refusal
        opened = finish.task if finish is not None and finish.task is not None else await self._store.find(task.id)
        if opened is None or opened.status == CREATING:
            # It was refused somewhere else just now, and whoever asked there knows more.
            raise busy(task.id)
        return opened

    async def _end_create(self, task: MarketTask, refusal: DomainError | None) -> MarketTask | None:
        if refusal is not None:
            # An earlier call may still be on its way to the ledger, and there may be credits when it arrives. So what
            # names the hold stays a while, and gives back what comes late.
            release = self._money.release(task, _NOT_MADE, GIVE_UP)
            return await self._store.transition(task, {"idempotency": None, "money": release}, None)
        event = MarketEvent("task.created", task.money.actor if task.money else "")
        opened = await self._store.transition(task, {"status": OPEN, "money": None}, event)
        if opened is None:
            present = await self._store.find(task.id)
            if present is None or present.status == CREATING:
                # Another call of the same intent was refused, and gave the task up.
                await self._ledger.release(task, _NOT_MADE)
        return opened

    async def _end_give_up(self, task: MarketTask, _refusal: DomainError | None) -> MarketTask | None:
        await self._store.remove(task)
        return None

    async def _draft(self, caller: Caller, new: NewTask, key: str | None) -> MarketTask:
        name = await self._names.operator_name(caller.operator_id)
        now, uuid = self._clock.now(), new_id()
        revisions = DEFAULT_MAX_REVISIONS if new.max_revisions is None else new.max_revisions
        draft = MarketTask(
            id=await self._counters.next(COUNTER),
            uuid=uuid,
            status=CREATING,
            version=1,
            title=new.title,
            description=new.description,
            budget=new.budget,
            poster_id=caller.operator_id,
            poster_name=name,
            poster_agent_id=caller.agent_id,
            created_at=now,
            updated_at=now,
            max_revisions=revisions,
            requirements=new.requirements,
            category_id=new.category_id,
            deadline=new.deadline,
            auto_review_enabled=new.auto_review_enabled,
            poster_llm_provider=new.llm_provider,
            poster_llm_key=self._keys.seal(new.llm_key, f"task:{uuid}") if new.llm_key else "",
            poster_max_reviews=new.max_reviews,
            idempotency=None if key is None else f"{caller.agent_id}:{key}",
        )
        return msgspec.structs.replace(draft, money=self._money.hold(draft, CREATE, actor_of(caller)))

    async def _check_review(self, caller: Caller, new: NewTask) -> None:
        if not new.auto_review_enabled or (new.llm_provider and new.llm_key):
            return
        # The balance comes first, here alone: in every other case the hold itself tells.
        available = await self._ledger.available(caller.operator_id)
        if available < new.budget:
            raise insufficient_credits(available, new.budget)
        raise llm_key_missing() if new.llm_provider else llm_provider_missing()
