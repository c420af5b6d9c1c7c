"""The use case of an arbiter: decide what becomes of the price of work that was refused for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.caller import ADMIN
from services.tasks.market.errors import invalid_status
from services.tasks.market.model import CANCELLED, COMPLETED, RESOLVE_DISPUTE, MarketEvent, MarketTask
from services.tasks.market.service.access import actor_of
from services.tasks.market.service.payment import Payment

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.money import Money
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.store.tasks import TaskStore


class DisputeService:
    """Ends disputes.

    Args:
        access: reads and changes tasks.
        store: tasks.
        money: pays.
    """

    def __init__(self, access: TaskAccess, store: TaskStore, money: Money) -> None:
        self._access = access
        self._store = store
        self._money = money

    async def resolve(
        self, caller: Caller, task_id: int, worker_percent: int, reason: str
    ) -> tuple[MarketTask, Payment]:
        """Give the worker a share of the price and the poster the rest; returns the task and who got what.

        The task is completed when the worker gets something, else cancelled.

        Raises:
            PermissionDenied: SCOPE_MISSING, only callers with the scope `admin` decide.
            WrongState: INVALID_STATUS.
        """
        caller.require(ADMIN)

        async def step(task: MarketTask) -> tuple[MarketTask, Payment] | None:
            if not task.allows(RESOLVE_DISPUTE):
                raise invalid_status(task, f"Task {task.id} is not disputed (status: {task.status})")
            payment = Payment.of(task, worker_percent)
            status = COMPLETED if payment.paid else CANCELLED
            changes = {"status": status, "money": payment.intent(self._money)}
            resolved = await self._store.transition(task, changes, _event(caller, payment, worker_percent, reason))
            return None if resolved is None else (await self._money.finish_soon(resolved), payment)

        return await self._access.change(task_id, step)


def _event(caller: Caller, payment: Payment, worker_percent: int, reason: str) -> MarketEvent:
    data = {
        "agent_id": payment.agent_id,
        "worker_operator_id": payment.operator_id,
        "worker_percent": worker_percent,
        "payment": payment.paid,
        "platform_fee": payment.fee,
        "refund": payment.refund,
        "reason": reason.strip(),
    }
    return MarketEvent("dispute.resolved", actor_of(caller), data)
