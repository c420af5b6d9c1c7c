"""The steps of a work item's state machine. Every step checks that it is legal and returns a `Transition`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from kit.ids import new_id
from services.tasks.work.errors import item_not_found, not_leased, other_holder, stale_token
from services.tasks.work.model import (
    COMPLETED,
    DELETED,
    FAILED,
    LEASE_EXPIRED,
    LEASED,
    MAX_ERROR,
    QUEUED,
    TIMEOUT,
    Attempt,
    Lease,
    Transition,
    WorkItem,
)


class Claim(msgspec.Struct, frozen=True):
    """What a worker says to prove that an item is in its hands.

    Attributes:
        holder: its name, or None when the token is the proof.
        token: the fencing token, or None when the name is the proof.
    """

    holder: str | None = None
    token: int | None = None


class Ending(msgspec.Struct, frozen=True):
    """How an attempt ends.

    Attributes:
        outcome: `completed`, `failed` or `timeout`.
        text: result, or what went wrong.
        outputs_json: further results, a JSON object.
        can_retry: whether another attempt may succeed.
        retry_after: how long to wait before it.
    """

    outcome: str
    text: str
    outputs_json: str | None = None
    can_retry: bool = True
    retry_after: timedelta = timedelta()

    @property
    def kept_text(self) -> str:
        """What the attempt keeps: of an error the beginning, so that many attempts fit into one document."""
        return self.text if self.outcome == COMPLETED else self.text[:MAX_ERROR]


def hand_out(item: WorkItem, holder: str, now: datetime, *, seat: bool) -> Transition:
    """Lease a queued item to `holder`, with the next fencing token."""
    token = item.token + 1
    op = new_id()
    expires_at = now + timedelta(milliseconds=item.lease_ms)
    attempt = Attempt(id=op, holder=holder, token=token, started_at=now, lease_expires_at=expires_at)
    after = msgspec.structs.replace(
        item,
        state=LEASED,
        token=token,
        lease=Lease(holder=holder, token=token, expires_at=expires_at, seat=holder if seat else None),
        attempts=(*item.attempts, attempt),
        version=item.version + 1,
        updated_at=now,
    )
    return Transition(item, after, op, "assigned", f"agent:{holder}", {"agent": holder, "token": token})


def end(item: WorkItem, claim: Claim, ending: Ending, now: datetime) -> Transition | None:
    """End the current attempt: complete the item, put it back on its queue, or fail it for good.

    The lease need not be live: while nobody else holds the item, a late outcome is accepted.

    Returns:
        The step, or None when this very outcome was accepted before: a worker that repeats a call after a lost
        answer, and names its token, is told the same again.

    Raises:
        WrongState: NOT_LEASED.
        Conflict: STALE_TOKEN or OTHER_HOLDER.
    """
    if _is_repeat(item, claim, ending):
        return None
    _check(item, claim)
    op = new_id()
    attempt = msgspec.structs.replace(
        item.attempts[-1], ended_at=now, ended_by=op, outcome=ending.outcome, result=ending.kept_text
    )
    after = msgspec.structs.replace(
        item,
        lease=None,
        attempts=(*item.attempts[:-1], attempt),
        version=item.version + 1,
        updated_at=now,
        result=ending.text,
        **_consequences(item, ending, now),
    )
    actor = "system:reaper" if ending.outcome == TIMEOUT else f"agent:{attempt.holder}"
    data: dict[str, Any] = {"agent": attempt.holder, "token": attempt.token}
    if ending.outcome != COMPLETED:
        data |= {"outcome": ending.outcome, "retryCount": after.failures}
    return Transition(item, after, op, "requeued" if after.state == QUEUED else after.state, actor, data)


def _consequences(item: WorkItem, ending: Ending, now: datetime) -> dict[str, Any]:
    """Return the fields that say where an item goes when its attempt ends."""
    if ending.outcome == COMPLETED:
        return {"state": COMPLETED, "outputs_json": ending.outputs_json, "ended_at": now}
    failures = item.failures + 1
    if ending.can_retry and failures < item.max_attempts:
        # Without a wait the item keeps its place: the oldest first.
        available_at = now + ending.retry_after if ending.retry_after else item.available_at
        return {"state": QUEUED, "failures": failures, "available_at": available_at}
    return {"state": FAILED, "failures": failures, "ended_at": now, "dedupe": None}


def expire(item: WorkItem, now: datetime) -> Transition | None:
    """Take back a lease that has run out, at the cost of one attempt; None when it has not."""
    if not item.is_expired(now):
        return None
    return end(item, Claim(), Ending(outcome=TIMEOUT, text=LEASE_EXPIRED), now)


def extend(item: WorkItem, claim: Claim, extension: timedelta, now: datetime) -> Transition:
    """Move the end of the lease by `extension` from where it is, also when it has already passed.

    Raises:
        WrongState: NOT_LEASED.
        Conflict: STALE_TOKEN or OTHER_HOLDER.
    """
    lease = _check(item, claim)
    expires_at = lease.expires_at + extension
    attempt = msgspec.structs.replace(item.attempts[-1], lease_expires_at=expires_at)
    after = msgspec.structs.replace(
        item,
        lease=msgspec.structs.replace(lease, expires_at=expires_at),
        attempts=(*item.attempts[:-1], attempt),
        version=item.version + 1,
        updated_at=now,
    )
    return Transition(item, after, new_id(), "extended", f"agent:{lease.holder}", {"agent": lease.holder})


def amend(item: WorkItem, changes: dict[str, Any], actor: str, now: datetime) -> Transition:
    """Change what is to be done."""
    after = msgspec.structs.replace(item, **changes, version=item.version + 1, updated_at=now)
    return Transition(item, after, new_id(), "updated", actor, {})


def delete(item: WorkItem, actor: str, now: datetime) -> Transition:
    """Mark an item as deleted, so that its event can be told; the mark itself is removed later."""
    after = msgspec.structs.replace(
        item, state=DELETED, lease=None, dedupe=None, idempotency=None, version=item.version + 1, updated_at=now
    )
    return Transition(item, after, new_id(), "deleted", actor, {})


def _check(item: WorkItem, claim: Claim) -> Lease:
    if item.state == DELETED:
        raise item_not_found(item.id)
    if claim.token is not None and claim.token != item.token:
        raise stale_token(item.id, claim.token, item.token)
    if item.lease is None:
        raise not_leased(item.id, item.state)
    if claim.holder is not None and claim.holder != item.lease.holder:
        raise other_holder(item.id, claim.holder)
    return item.lease


def _is_repeat(item: WorkItem, claim: Claim, ending: Ending) -> bool:
    if claim.token is None or item.state == DELETED:
        return False
    return any(
        attempt.token == claim.token
        and attempt.outcome == ending.outcome
        and attempt.result == ending.kept_text
        and claim.holder in (None, attempt.holder)
        and (ending.outcome != COMPLETED or item.outputs_json == ending.outputs_json)
        for attempt in item.attempts
    )
