"""A task of the market and what belongs to it. No I/O.

creating ──held──▶ open ──accept claim──▶ claimed ──deliver──▶ delivered ──accept──▶ completed
                    ▲                        │                  │   ▲  │
                    └──withdraw, roll back───┘    revision──────┘   │  └──reject──▶ disputed ──▶ completed, cancelled
                                                     └▶ in_progress─┘
open and claimed tasks can be cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

CREATING, OPEN, CLAIMED, IN_PROGRESS, DELIVERED = "creating", "open", "claimed", "in_progress", "delivered"
COMPLETED, DISPUTED, CANCELLED = "completed", "disputed", "cancelled"
STATUSES = (OPEN, CLAIMED, IN_PROGRESS, DELIVERED, COMPLETED, DISPUTED, CANCELLED)  # that anybody sees

# Of claims; a deliverable is `submitted`, `accepted`, `revision_requested` or `rejected`.
PENDING, ACCEPTED, REJECTED, WITHDRAWN = "pending", "accepted", "rejected", "withdrawn"
SUBMITTED, REVISION_REQUESTED = "submitted", "revision_requested"

FEE_PERCENT = 10
DEFAULT_MAX_REVISIONS = 2

# Actions on a task.
CREATE, GIVE_UP = "create", "give_up"
CLAIM, ACCEPT_CLAIM, WITHDRAW, ROLL_BACK, CANCEL = "claim", "accept_claim", "withdraw", "roll_back", "cancel"
DELIVER, REQUEST_REVISION, ACCEPT_DELIVERABLE = "deliver", "request_revision", "accept_deliverable"
REJECT_DELIVERABLE, RESOLVE_DISPUTE, RATE = "reject_deliverable", "resolve_dispute", "rate"

# From which statuses each action is allowed. What it leads to is in the use case.
FROM: Mapping[str, tuple[str, ...]] = {
    CLAIM: (OPEN,),
    ACCEPT_CLAIM: (OPEN,),
    WITHDRAW: (CLAIMED,),
    ROLL_BACK: (CLAIMED, IN_PROGRESS),
    CANCEL: (OPEN, CLAIMED),
    DELIVER: (CLAIMED, IN_PROGRESS),
    REQUEST_REVISION: (DELIVERED,),
    ACCEPT_DELIVERABLE: (DELIVERED,),
    REJECT_DELIVERABLE: (DELIVERED,),
    RESOLVE_DISPUTE: (DISPUTED,),
    RATE: (COMPLETED,),
}

# Steps of money.
HOLD, ADJUST, SETTLE, RELEASE = "hold", "adjust", "settle", "release"


class Leg(msgspec.Struct, frozen=True):
    """One party that is paid.

    Attributes:
        operator_id: who; 0 is the platform.
        amount: credits, at least 1.
        description: one sentence for the receiver.
    """

    operator_id: int
    amount: int
    description: str = ""


class MoneyIntent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Money that has to move because of a change of the task. It stays in the task until the ledger has done it.

    Attributes:
        step: `hold`, `adjust`, `settle` or `release`.
        transfer_id: names the movement in the ledger, for ever.
        at: when it was decided.
        description: one sentence for the history of the poster.
        amount: what is to be set aside from now on, for `hold` and `adjust`.
        legs: who is paid, for `settle`.
        action: the action that waits for the ledger's answer, because the ledger may refuse: `create`, `roll_back` or
            `withdraw`; or because nothing may be held at all: `give_up`. Empty when the task has changed already.
        actor: who acts.
    """

    step: str
    transfer_id: str
    at: datetime
    description: str = ""
    amount: int = 0
    legs: tuple[Leg, ...] = ()
    action: str = ""
    actor: str = ""


class Assignment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who has the task, and for how much.

    Attributes:
        claim_id: the claim that was accepted.
        agent_id: the worker.
        agent_name: its name.
        operator_id: its operator, who is paid.
        price: credits that were agreed.
        at: since when.
        deliveries: deliverables handed in under this assignment.
    """

    claim_id: int
    agent_id: int
    agent_name: str
    operator_id: int
    price: int
    at: datetime
    deliveries: int = 0


class Rating(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the poster said about finished work; 1 to 5, 0 for not said."""

    rating: int
    at: datetime
    quality: int = 0
    speed: int = 0
    comment: str = ""


class MarketTask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task of the market.

    Attributes:
        id: number, from 1.
        uuid: names the task in the ledger.
        status: where it stands; `creating` until its budget is held, and invisible so long.
        version: grows with each write.
        poster_id: the operator that pays.
        poster_agent_id: the agent that posted it.
        budget: the most that it may cost.
        category_id: 0 for none.
        assignment: who has it; stays when it is completed.
        claims_count: claims ever made.
        deliverables_count: deliverables ever handed in.
        poster_llm_key: sealed for the owner `task:<uuid>`; empty for none.
        watchers: every agent that ever claimed it.
        money: what the ledger still has to do.
        idempotency: the key of the call that made it.
    """

    id: int = msgspec.field(name="_id")
    uuid: str
    status: str
    version: int
    title: str
    description: str
    budget: int
    poster_id: int
    poster_name: str
    poster_agent_id: int
    created_at: datetime
    updated_at: datetime
    max_revisions: int
    requirements: str = ""
    category_id: int = 0
    deadline: datetime | None = None
    assignment: Assignment | None = None
    claims_count: int = 0
    deliverables_count: int = 0
    auto_review_enabled: bool = False
    poster_llm_provider: str = ""
    poster_llm_key: str = ""
    poster_max_reviews: int | None = None
    poster_reviews_used: int = 0
    rating: Rating | None = None
    watchers: tuple[int, ...] = ()
    money: MoneyIntent | None = None
    idempotency: str | None = None

    @property
    def hold_id(self) -> str:
        """The hold of the task in the ledger."""
        return f"task:{self.uuid}"

    @property
    def claimed_by(self) -> int | None:
        """The agent that has the task."""
        return self.assignment.agent_id if self.assignment else None

    def allows(self, action: str) -> bool:
        """Tell whether the status allows an action."""
        return self.status in FROM[action]

    def is_late(self, now: datetime) -> bool:
        """Tell whether the deadline has passed."""
        return self.deadline is not None and now > self.deadline


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An offer to do a task for a price."""

    id: int = msgspec.field(name="_id")
    task_id: int
    agent_id: int
    agent_name: str
    operator_id: int
    proposed: int
    status: str
    created_at: datetime
    message: str = ""
    updated_at: datetime | None = None
    idempotency: str | None = None


class MarketEvent(msgspec.Struct, frozen=True):
    """What happened to a task, for those who watch it.

    Attributes:
        type: for example `claim.created`.
        actor: who did it, for example `agent:7`.
        data: facts besides those that every event of the market has.
    """

    type: str
    actor: str
    data: Mapping[str, Any] = {}


def fee_of(price: int) -> int:
    """Return the platform's share of a price, rounded down."""
    return price * FEE_PERCENT // 100
