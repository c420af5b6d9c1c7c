"""Use cases of claims: make, list, accept, reject, withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kit.errors import DomainError
from services.tasks.market.errors import (
    claim_not_found,
    claim_not_pending,
    claim_not_withdrawable,
    credits_out_of_range,
    not_claimant,
    self_claim,
    task_not_open,
)
from services.tasks.market.model import (
    ACCEPT_CLAIM,
    ACCEPTED,
    CLAIM,
    CLAIMED,
    PENDING,
    REJECTED,
    WITHDRAW,
    WITHDRAWN,
    Assignment,
    Claim,
    MarketEvent,
    MarketTask,
)
from services.tasks.market.service.access import actor_of, require_agent, require_poster, require_reader

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.money import Money
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.reopening import Reopening
    from services.tasks.market.store.claims import ClaimStore
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.tasks import TaskStore

COUNTER = "market_claims"


class NewClaim(msgspec.Struct, frozen=True):
    """What a new claim says."""

    task_id: int
    proposed: int
    message: str = ""


class ClaimService:
    """Brings workers to tasks.

    Args:
        access: reads and changes tasks.
        store: tasks.
        claims: claims.
        counters: gives numbers.
        money: moves money.
        reopening: opens tasks again.
        clock: the time.
    """

    def __init__(
        self,
        access: TaskAccess,
        store: TaskStore,
        claims: ClaimStore,
        counters: Counters,
        money: Money,
        reopening: Reopening,
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._claims = claims
        self._counters = counters
        self._money = money
        self._reopening = reopening
        self._clock = clock

    async def create(self, caller: Caller, new: NewClaim, key: str | None) -> Claim:
        """Offer to do a task; with an idempotency `key`, at most once for that key.

        Raises:
            WrongState: SELF_CLAIM, TASK_NOT_OPEN.
            InvalidInput: CREDITS_OUT_OF_RANGE.
            AlreadyExists: DUPLICATE_CLAIM.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> Claim | None:
            # First of all: the claim in the way may be the one that this very call made before a crash.
            made_before = await self._claims.made_by(caller.agent_id, key) if key else None
            return made_before or await self._claim(caller, task, new, key)

        return await self._access.change(new.task_id, step)

    async def create_many(self, caller: Caller, new: Sequence[NewClaim], key: str | None) -> list[Claim | DomainError]:
        """Make several claims in order, each by itself; what is refused is answered in its place."""
        require_agent(caller)
        outcomes: list[Claim | DomainError] = []
        for index, claim in enumerate(new):
            # No key of a single call may read like one of a claim in bulk.
            item_key = None if key is None else f"#{index}:{key}"
            try:
                outcomes.append(await self.create(caller, claim, item_key))
            except DomainError as error:
                outcomes.append(error)
        return outcomes

    async def list_claims(self, caller: Caller, task_id: int) -> list[Claim]:
        """Return the claims of a task, oldest first."""
        require_reader(caller)
        await self._access.read(task_id)
        return await self._claims.of_task(task_id)

    async def accept(self, caller: Caller, task_id: int, claim_id: int) -> tuple[Claim, MarketTask]:
        """Assign a task, fix its price, reject the other claims and release the rest of the hold.

        Raises:
            PermissionDenied: NOT_POSTER.
            WrongState: TASK_NOT_OPEN, CLAIM_NOT_PENDING.
            NotFound: CLAIM_NOT_FOUND.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> tuple[Claim, MarketTask] | None:
            require_poster(caller, task, "accept claims")
            if not task.allows(ACCEPT_CLAIM):
                raise task_not_open(task)
            claim = await self._pending(task_id, claim_id)
            claimed = await self._assign(task, claim, actor_of(caller))
            return None if claimed is None else (msgspec.structs.replace(claim, status=ACCEPTED), claimed)

        return await self._access.change(task_id, step)

    async def reject(self, caller: Caller, task_id: int, claim_id: int) -> Claim:
        """Turn down a pending claim.

        Raises:
            PermissionDenied: NOT_POSTER.
            WrongState: CLAIM_NOT_PENDING.
            NotFound: CLAIM_NOT_FOUND.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> Claim | None:
            require_poster(caller, task, "reject claims")
            claim = await self._pending(task_id, claim_id)
            facts = {"claim_id": claim.id, "agent_id": claim.agent_id}
            return await self._move(task, claim, REJECTED, MarketEvent("claim.rejected", actor_of(caller), facts))

        return await self._access.change(task_id, step)

    async def withdraw(self, caller: Caller, task_id: int, claim_id: int) -> tuple[Claim, bool]:
        """Take a claim back; one that was accepted opens its task again, which the second result tells.

        Raises:
            PermissionDenied: NOT_CLAIMANT.
            WrongState: CLAIM_NOT_WITHDRAWABLE.
            NotFound: CLAIM_NOT_FOUND.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> tuple[Claim, bool] | None:
            claim = await self._found(task_id, claim_id)
            if claim.agent_id != caller.agent_id:
                raise not_claimant()
            if claim.status == PENDING:
                facts = {"claim_id": claim.id, "agent_id": claim.agent_id, "task_reverted": False}
                event = MarketEvent("claim.withdrawn", actor_of(caller), facts)
                moved = await self._move(task, claim, WITHDRAWN, event)
                return None if moved is None else (moved, False)
            if claim.status != ACCEPTED or not task.allows(WITHDRAW):
                raise claim_not_withdrawable(claim, task)
            reopened = await self._reopening.reopen(task, WITHDRAW, actor_of(caller))
            return None if reopened is None else (msgspec.structs.replace(claim, status=WITHDRAWN), True)

        return await self._access.change(task_id, step)

    async def _claim(self, caller: Caller, task: MarketTask, new: NewClaim, key: str | None) -> Claim | None:
        if task.poster_id == caller.operator_id:
            raise self_claim(task)
        if not task.allows(CLAIM):
            raise task_not_open(task)
        if new.proposed > task.budget:
            raise credits_out_of_range(task, new.proposed)
        claim = Claim(
            id=await self._counters.next(COUNTER),
            task_id=task.id,
            agent_id=caller.agent_id,
            agent_name=caller.name,
            operator_id=caller.operator_id,
            proposed=new.proposed,
            status=PENDING,
            created_at=self._clock.now(),
            message=new.message,
            idempotency=key,
        )
        changes = {
            "claims_count": task.claims_count + 1,
            "watchers": tuple(sorted({*task.watchers, caller.agent_id})),
        }
        facts = {"claim_id": claim.id, "agent_id": claim.agent_id, "proposed_credits": claim.proposed}
        event = MarketEvent("claim.created", actor_of(caller), facts)
        done = await self._store.transition(task, changes, event, [self._claims.insertion(claim)])
        return None if done is None else claim

    async def _assign(self, task: MarketTask, claim: Claim, actor: str) -> MarketTask | None:
        now = self._clock.now()
        changes: dict[str, Any] = {
            "status": CLAIMED,
            "assignment": Assignment(
                claim.id, claim.agent_id, claim.agent_name, claim.operator_id, claim.proposed, now
            ),
        }
        if claim.proposed != task.budget:
            changes["money"] = self._money.adjust(task, claim.proposed)
        facts = {"claim_id": claim.id, "agent_id": claim.agent_id, "proposed_credits": claim.proposed}
        also = [
            self._claims.move(claim.id, PENDING, ACCEPTED, now),
            self._claims.reject_all(task.id, now, accepted=False),
        ]
        claimed = await self._store.transition(task, changes, MarketEvent("claim.accepted", actor, facts), also)
        return None if claimed is None else await self._money.finish_soon(claimed)

    async def _move(self, task: MarketTask, claim: Claim, status: str, event: MarketEvent) -> Claim | None:
        move = self._claims.move(claim.id, claim.status, status, self._clock.now())
        done = await self._store.transition(task, {}, event, [move])
        return None if done is None else msgspec.structs.replace(claim, status=status)

    async def _pending(self, task_id: int, claim_id: int) -> Claim:
        claim = await self._found(task_id, claim_id)
        if claim.status != PENDING:
            raise claim_not_pending(claim)
        return claim

    async def _found(self, task_id: int, claim_id: int) -> Claim:
        claim = await self._claims.find(task_id, claim_id)
        if claim is None:
            raise claim_not_found(task_id, claim_id)
        return claim
