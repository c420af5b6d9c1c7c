"""A work item and its state machine. No I/O: every step is a function from an item to the next one.

queued ──hand out──▶ leased ──complete──▶ completed
  ▲                    │
  └──retry / timeout───┤
                       └──out of attempts, or cannot retry──▶ failed
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

QUEUED, LEASED, COMPLETED, FAILED, DELETED = "queued", "leased", "completed", "failed", "deleted"
LIVE_STATES = (QUEUED, LEASED, COMPLETED, FAILED)
TIMEOUT = "timeout"
MAX_ERROR = 16_384
LEASE_EXPIRED = "Task lease expired - agent did not complete task within allotted time"


class Lease(msgspec.Struct, frozen=True, omit_defaults=True):
    """The right to work on an item.

    Attributes:
        holder: who has it.
        token: fencing token of the hand-out.
        expires_at: when it ends.
        seat: set when the holder may have only one live item of the queue; unique per queue.
    """

    holder: str
    token: int
    expires_at: datetime
    seat: str | None = None


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One hand-out of an item.

    Attributes:
        id: id of the hand-out; also the proof that the write of this hand-out landed.
        ended_by: id of the write that ended it; the proof that it landed.
        outcome: `completed`, `failed` or `timeout`; None while it is under way.
        result: the result, or the first `MAX_ERROR` characters of what went wrong.
    """

    id: str
    holder: str
    token: int
    started_at: datetime
    lease_expires_at: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None
    outcome: str | None = None
    result: str = ""


class WorkItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A piece of work on a queue, as stored.

    Attributes:
        queue: for example `project:<uuid>`, `agent:<id>` or `pool:<name>`.
        lease_ms: how long a hand-out lasts, in milliseconds.
        max_attempts: attempts in total before the item fails for good.
        failures: failed and expired attempts so far.
        token: fencing token of the last hand-out; 0 before the first.
        payload: what is to be done; the engine does not look into it.
        kind: what the item is one of, for example the id of its task type; may be empty.
        batch: name of the batch that the item came with.
        dedupe: unique within the queue while set; set only where duplicates are not allowed.
        idempotency: unique key of the request that made the item.
    """

    id: str = msgspec.field(name="_id")
    queue: str
    operator_id: int
    state: str
    priority: int
    available_at: datetime
    lease_ms: int
    max_attempts: int
    created_at: datetime
    updated_at: datetime
    payload: dict[str, Any]
    version: int = 1
    token: int = 0
    failures: int = 0
    kind: str | None = None
    batch: str | None = None
    lease: Lease | None = None
    attempts: tuple[Attempt, ...] = ()
    result: str | None = None
    outputs_json: str | None = None
    ended_at: datetime | None = None
    dedupe: str | None = None
    idempotency: str | None = None

    def bears(self, op: str) -> bool:
        """Tell whether the write with the id `op` is part of this item's history."""
        return any(op in (attempt.id, attempt.ended_by) for attempt in self.attempts)

    def is_expired(self, now: datetime) -> bool:
        """Tell whether the item is leased and the lease has run out."""
        return self.lease is not None and self.lease.expires_at <= now


class Transition(msgspec.Struct, frozen=True):
    """A step of the state machine: what was, what is to be, and how to tell of it.

    Attributes:
        op: id of the write.
        kind: name of the event without its prefix, for example `completed`.
        actor: who did it.
        data: facts for the event.
    """

    before: WorkItem
    after: WorkItem
    op: str
    kind: str
    actor: str
    data: dict[str, Any]

    @property
    def requeues(self) -> bool:
        """Whether the item is put back on its queue."""
        return self.after.state == QUEUED and self.before.state != QUEUED

    @property
    def leaves_proof(self) -> bool:
        """Whether the item's attempts tell for ever that this write landed (see `WorkItem.bears`)."""
        return self.kind in ("assigned", "completed", "requeued", "failed")
