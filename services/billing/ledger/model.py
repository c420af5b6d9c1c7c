"""Accounts, holds, transfers and the lines of an account's history. A credit is one US cent, an integer."""

from __future__ import annotations

from datetime import datetime

import msgspec

AVAILABLE, HELD = "available", "held"

PENDING, SETTLED, RELEASED, EXPIRED = "pending", "settled", "released", "expired"

DEPOSIT, BONUS, HOLD, RELEASE = "deposit", "bonus", "hold", "release"
PAYMENT, PLATFORM_FEE, REFUND = "payment", "platform_fee", "refund"

FEES, ISSUANCE = "platform:fees", "platform:issuance"
# The platform's accounts take part in every settlement and every deposit: each is spread over as many documents, of
# which a batch uses one, so that replicas do not wait for one another.
STRIPES = 16


def account_of(operator_id: int) -> str:
    """Return the id of an operator's account."""
    return f"operator:{operator_id}"


def stripe_of(account: str, number: int) -> str:
    """Return the id of one document of an account of the platform."""
    return f"{account}:{number}"


class Account(msgspec.Struct, frozen=True):
    """The money of an operator.

    Attributes:
        operator_id: the operator.
        available: credits that can be spent; never below zero.
        held: credits that are set aside; never below zero.
        deposited: all that ever came from outside or was given.
        spent: all that was ever paid to others.
        seq: how many lines its history has.
    """

    operator_id: int
    available: int = 0
    held: int = 0
    deposited: int = 0
    spent: int = 0
    seq: int = 0


class Hold(msgspec.Struct, frozen=True):
    """Credits that are set aside.

    Attributes:
        id: the caller's.
        operator_id: whose credits they are.
        amount: how much is set aside now; what it was at the end for a hold that has ended.
        state: `pending`, `settled`, `released` or `expired`.
        created_at: when it was placed.
        reference_id: what it is for, for example the number of a task; 0 for nothing.
        description: one sentence.
        expires_at: when it ends by itself, None when it does not.
        resolved_at: when it ended.
    """

    id: str
    operator_id: int
    amount: int
    state: str
    created_at: datetime
    reference_id: int = 0
    description: str = ""
    expires_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def is_pending(self) -> bool:
        """Whether it still sets credits aside."""
        return self.state == PENDING

    def is_due(self, at: datetime | None) -> bool:
        """Whether its time is over at a time."""
        return self.is_pending and self.expires_at is not None and at is not None and self.expires_at <= at


class Posting(msgspec.Struct, frozen=True):
    """One side of a transfer: so many credits added to one balance of one account."""

    account: str
    balance: str
    amount: int


class Transfer(msgspec.Struct, frozen=True):
    """A movement of money that took place: the postings sum to zero, and it never changes.

    Attributes:
        id: unique for ever; what makes a repeated call move nothing.
        kind: `deposit`, `bonus`, `place`, `adjust`, `settle`, `release` or `expire`.
        fingerprint: what the call asked for; another call with the same id is refused by it.
        postings: both sides; none when there was nothing to move.
        at: when.
    """

    id: str
    kind: str
    fingerprint: str
    postings: tuple[Posting, ...]
    at: datetime


class Entry(msgspec.Struct, frozen=True):
    """One line of the history of an account.

    Attributes:
        account: the account's id.
        seq: its place in the history, from 1 without gaps.
        type: what happened.
        amount: how much, as the owner reads it: negative for what went away.
        balance_after: what could be spent after it.
        available_delta: what it added to the available balance; the sum over a history is that balance.
        held_delta: the same of what is set aside.
        transfer_id: the transfer that it belongs to.
        at: when.
        reference_id: what it was for; 0 for nothing.
        description: one sentence.
        counterparty_id: the operator on the other side; 0 for none.
    """

    account: str
    seq: int
    type: str
    amount: int
    balance_after: int
    available_delta: int
    held_delta: int
    transfer_id: str
    at: datetime
    reference_id: int = 0
    description: str = ""
    counterparty_id: int = 0
