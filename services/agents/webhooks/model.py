"""Webhooks, deliveries and what becomes of them. No I/O."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

TASK_NEW_MATCH = "task.new_match"
CLAIM_ACCEPTED = "claim.accepted"
CLAIM_REJECTED = "claim.rejected"
DELIVERABLE_SUBMITTED = "deliverable.submitted"
DELIVERABLE_ACCEPTED = "deliverable.accepted"
DELIVERABLE_REVISION_REQUESTED = "deliverable.revision_requested"
EVENTS = (
    TASK_NEW_MATCH,
    CLAIM_ACCEPTED,
    CLAIM_REJECTED,
    DELIVERABLE_SUBMITTED,
    DELIVERABLE_ACCEPTED,
    DELIVERABLE_REVISION_REQUESTED,
)

MAX_PER_AGENT = 5
MAX_FAILURES = 10
"""After so many failed attempts in a row a webhook is switched off."""
ROTATION = timedelta(hours=24)
"""How long the old secret signs too."""
RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
)
"""How long after each failed attempt the next one follows."""
KEPT = timedelta(days=30)
"""How long a delivery that arrived is kept. What waits or is dead is kept as long as its webhook."""

_LONGEST_PAUSE = timedelta(seconds=60)
_GONE = 410
_SECRET_MARK = "whsec_"  # noqa: S105 - the mark, not a secret
_SHOWN_CHARACTERS = 8

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"


class Webhook(msgspec.Struct, frozen=True):
    """Where events of an agent go. Its secret is kept apart.

    Attributes:
        id: from 1.
        agent_id: the agent.
        operator_id: its operator when the webhook was made; 0 when it had none.
        url: the address.
        events: what it wants.
        is_active: whether it gets events.
        failure_count: failed attempts since the last success.
        last_triggered_at: when something was delivered last.
        created_at: when it was made.
        secret_prefix: the first characters of the secret.
    """

    id: int
    agent_id: int
    operator_id: int
    url: str
    events: tuple[str, ...]
    is_active: bool
    failure_count: int
    last_triggered_at: datetime | None
    created_at: datetime
    secret_prefix: str


class SealedSecrets(msgspec.Struct, frozen=True):
    """The secrets of a webhook as they are stored.

    Attributes:
        current: signs.
        old: signed before and signs too until `old_until`; empty when there is none.
        old_until: see there.
    """

    current: str
    old: str = ""
    old_until: datetime | None = None


class Attempt(msgspec.Struct, frozen=True):
    """One HTTP request.

    Attributes:
        at: when it began.
        status: of the answer, 0 when there was none.
        error: what went wrong, fit for the agent; empty when nothing did.
        duration_ms: how long it took.
    """

    at: datetime
    status: int
    error: str
    duration_ms: int

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more."""
        return self.status == _GONE


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one webhook.

    Attributes:
        id: the `webhook-id` of every attempt.
        webhook_id: the webhook.
        event: for example `claim.accepted`.
        state: `pending`, `delivered` or `dead`.
        tries: failed attempts since it was made or replayed.
        attempts: the newest requests that were made, oldest first.
        next_attempt_at: when the next one is due; None unless it is pending.
        created_at: when it was made.
        body: what is sent.
    """

    id: str
    webhook_id: int
    event: str
    state: str
    tries: int
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None
    created_at: datetime
    body: str


class Step(msgspec.Struct, frozen=True):
    """What an attempt makes of a delivery.

    Attributes:
        state: the state after it.
        tries: the failed attempts after it.
        next_attempt_at: when the next attempt is due, None when there is none.
    """

    state: str
    tries: int
    next_attempt_at: datetime | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """A webhook that this process alone may send to, for a while.

    Attributes:
        webhook_id: the webhook.
        operator_id: who shares in the senders with it, see `Webhook`.
        url: its address.
        secrets: its secrets.
        failure_count: its failed attempts in a row.
        lease: names the hold of this process.
        bell: how often deliveries were added; a change tells that there are new ones.
    """

    webhook_id: int
    operator_id: int
    url: str
    secrets: SealedSecrets
    failure_count: int
    lease: str
    bell: int


class Round(msgspec.Struct, frozen=True):
    """What came of one hold of an endpoint.

    Attributes:
        succeeded_at: when the last delivery arrived, None when none did.
        failed: whether an attempt failed after that.
        gone: whether the receiver wants nothing more.
        rest: how long the endpoint is left alone.
    """

    succeeded_at: datetime | None = None
    failed: bool = False
    gone: bool = False
    rest: timedelta = timedelta()


def new_secret() -> str:
    """Return a secret: its mark and 48 hexadecimal digits, which are base64 too, as Standard Webhooks wants it."""
    return _SECRET_MARK + secrets.token_hex(24)


def shown(secret: str) -> str:
    """Return the part of a secret by which people tell theirs apart."""
    return secret[:_SHOWN_CHARACTERS]


def delivery_id(event_id: str, at: datetime, event: str, webhook_id: int) -> str:
    """Return the id of the delivery of an event to a webhook: always the same one, so that none is made twice.

    The time of the event tells installations apart: numbers begin at 1 in each, and receivers remember ids.
    """
    text = f"{event_id}/{at.isoformat()}/{event}/{webhook_id}"
    return "whd_" + hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def after(delivery: Delivery, attempt: Attempt, now: datetime, jitter: float) -> Step:
    """Return what `attempt` makes of `delivery`.

    Args:
        delivery: before it.
        attempt: what happened.
        now: when it ended.
        jitter: stretches the pause, so that what failed together does not come again together.
    """
    if attempt.succeeded:
        return Step(DELIVERED, delivery.tries)
    tries = delivery.tries + 1
    if attempt.gone or tries > len(RETRIES):
        return Step(DEAD, tries)
    return Step(PENDING, tries, now + RETRIES[tries - 1] * jitter)


def rest_after(failures: int) -> timedelta:
    """Return how long an endpoint is left alone after so many failures in a row.

    Otherwise ten events that wait would switch off a receiver that was away for a second.
    """
    return min(timedelta(seconds=2 ** min(failures - 1, 6)), _LONGEST_PAUSE) if failures > 0 else timedelta()


def unknown(events: Sequence[str]) -> list[str]:
    """Return those of `events` that do not exist."""
    return [event for event in dict.fromkeys(events) if event not in EVENTS]
