"""Who has which plan, and what is counted against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kit.caller import ADMIN, READ, Caller
from services.billing.plans.errors import OperatorNeeded, ServicesOnly
from services.billing.plans.model import Assignment, History, Plan, Usage
from services.billing.plans.quotas import Consume, Return, usage_of

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.billing.plans.catalogue import Catalogue
    from services.billing.plans.store import PlanStore


class PlanService:
    """The use cases of plans.

    Args:
        store: keeps who has which plan, and counts.
        catalogue: the plans there are.
        clock: the time.
    """

    def __init__(self, store: PlanStore, catalogue: Catalogue, clock: Clock) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock

    async def plans(self, caller: Caller) -> Sequence[Plan]:
        """Return the plans there are, the smallest first.

        Raises:
            Unauthenticated: nobody is signed in.
        """
        if caller.kind == "anonymous":
            caller.require(READ)
        return self._catalogue.plans

    async def plan(self, caller: Caller, operator_id: int) -> Plan:
        """Return the plan of an operator, the caller's own when 0.

        Raises:
            PermissionDenied: it is another operator's.
        """
        operator_id = _readable(caller, operator_id)
        return self._catalogue.plan_of(await self._store.assignment(operator_id))

    async def set_plan(self, caller: Caller, assignment: Assignment) -> Plan:
        """Give an operator a plan.

        Raises:
            PermissionDenied: the caller is no service and lacks the scope `admin`.
            PlanNotFound: there is no such plan.
        """
        caller.require(ADMIN)
        self._catalogue.plan(assignment.plan_id)
        await self._store.assign(assignment)
        return self._catalogue.plan_of(assignment)

    async def consume(self, caller: Caller, command: Consume) -> Usage:
        """Count runs in every window of the plan, or in none.

        Raises:
            PermissionDenied: the caller is not a service.
            QuotaExceeded: a window is full.
            ConsumptionExists: the id counted something else.
            ConsumptionReturned: what the id counted was taken back.
        """
        _require_service(caller)
        return await self._store.consume(command)

    async def give_back(self, caller: Caller, command: Return) -> bool:
        """Take back what an id counted; tells whether this call did.

        Raises:
            PermissionDenied: the caller is not a service.
        """
        _require_service(caller)
        return await self._store.give_back(command)

    async def usage(self, caller: Caller, operator_id: int) -> tuple[Usage, History]:
        """Return how much of its plan an operator has used, and how much before; the caller's own when 0.

        Raises:
            PermissionDenied: it is another operator's.
        """
        operator_id = _readable(caller, operator_id)
        plan = self._catalogue.plan_of(await self._store.assignment(operator_id))
        tally, now = await self._store.tally(operator_id), self._clock.now()
        return usage_of(tally, plan, now), History(tally.total, tally.history(tally.moment(now)))


def _readable(caller: Caller, operator_id: int) -> int:
    if caller.kind != "agent":
        caller.require(READ)
    if not operator_id and not caller.operator_id:
        raise OperatorNeeded
    if operator_id and ADMIN not in caller.scopes:
        caller.require_operator(operator_id)
    return operator_id or caller.operator_id


def _require_service(caller: Caller) -> None:
    if not caller.is_service:
        if caller.kind == "anonymous":
            caller.require(ADMIN)
        raise ServicesOnly
