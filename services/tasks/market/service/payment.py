"""Who gets what of the price of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.tasks.market.model import Leg, MarketTask, MoneyIntent, fee_of

if TYPE_CHECKING:
    from services.tasks.market.money import Money


class Payment(msgspec.Struct, frozen=True):
    """The end of a hold.

    Attributes:
        task: whose.
        operator_id: the worker's operator.
        agent_id: the worker.
        paid: what the operator gets.
        fee: what the platform gets.
        refund: what the poster gets back of the price.
    """

    task: MarketTask
    operator_id: int
    agent_id: int
    paid: int
    fee: int
    refund: int

    @classmethod
    def of(cls, task: MarketTask, percent: int = 100) -> Payment:
        """Return the payment of a share of the price, rounded down; the platform's fee is taken off it."""
        assignment = task.assignment
        if assignment is None:
            raise ValueError(f"nobody worked on task {task.id}")
        share = assignment.price * percent // 100
        fee = fee_of(share)
        return cls(task, assignment.operator_id, assignment.agent_id, share - fee, fee, assignment.price - share)

    def intent(self, money: Money) -> MoneyIntent:
        """Return what the ledger has to do."""
        title = self.task.title
        if not self.paid:
            return money.release(self.task, f"Refund for task: {title}")
        legs = [Leg(self.operator_id, self.paid, f"Payment for task: {title}")]
        if self.fee:
            legs.append(Leg(0, self.fee, f"Platform fee (10%) for task: {title}"))
        return money.settle(self.task, tuple(legs), f"Payment for task: {title}")
