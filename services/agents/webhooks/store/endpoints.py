"""Webhooks as endpoints that a sender holds for a while, in MongoDB.

`due_at` tells when there is something to send, `busy_until` until when nobody may begin: because a sender holds the
endpoint under a lease, or because it rests after a failure. A sender that dies loses its hold when that time comes.
`bell` counts additions, so that a sender which found nothing more cannot put an endpoint to sleep that got something
meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, ReturnDocument

from kit.ids import new_id
from kit.mongo import Document, translated
from services.agents.webhooks.model import MAX_FAILURES, Endpoint, Round, SealedSecrets
from services.agents.webhooks.store.webhooks import COLLECTION, IDLE

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

HOLD = timedelta(seconds=30)
"""How long a sender may hold an endpoint; longer than a turn with an attempt that hangs at its end."""


class EndpointStore:
    """Queries of senders.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._webhooks = database[COLLECTION]

    @translated()
    async def ring(self, webhook_ids: Sequence[int], now: datetime) -> None:
        """Say that there is something to send to these webhooks."""
        wanted = {"_id": {"$in": list(webhook_ids)}, "is_active": True}
        await self._webhooks.update_many(wanted, {"$inc": {"bell": 1}, "$min": {"due_at": now}})

    @translated()
    async def claim(self, now: datetime, passing_over: Sequence[int] = ()) -> Endpoint | None:
        """Hold the endpoint that has waited longest, if any waits, but none of the operators that are passed over."""
        waiting: dict[str, Any] = {"due_at": {"$lte": now}, "busy_until": {"$lte": now}}
        if passing_over:
            # What nobody owns may say so, or nothing.
            waiting["operator_id"] = {"$nin": [*passing_over, None] if 0 in passing_over else list(passing_over)}
        document = await self._webhooks.find_one_and_update(
            waiting,
            {"$set": {"lease": new_id(), "busy_until": now + HOLD}},
            sort=[("due_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _endpoint(document)

    @translated()
    async def longest_due(self, now: datetime) -> datetime | None:
        """Return since when the endpoint that has waited longest could have been asked, None when none waits."""
        wanted = {"due_at": {"$lte": now}, "busy_until": {"$lte": now}}
        document = await self._webhooks.find_one(
            wanted, {"due_at": True, "busy_until": True}, sort=[("due_at", ASCENDING)]
        )
        return None if document is None else max(document["due_at"], document["busy_until"])

    @translated()
    async def bell(self, endpoint: Endpoint) -> int | None:
        """Return how often deliveries were added, None when the endpoint was lost."""
        held = {"_id": endpoint.webhook_id, "lease": endpoint.lease}
        document = await self._webhooks.find_one(held, {"bell": True})
        return None if document is None else int(document["bell"])

    @translated()
    async def note(self, endpoint: Endpoint, came: Round) -> bool:
        """Count what came of a hold; returns whether the webhook is still active."""
        failed_before = 0 if came.succeeded_at is not None else "$failure_count"
        failures = {"$add": [failed_before, int(came.failed)]}
        active: dict[str, Any] = {"$and": ["$is_active", {"$lt": ["$failure_count", MAX_FAILURES]}, not came.gone]}
        counted: dict[str, Any] = {"failure_count": failures}
        if came.succeeded_at is not None:
            counted["last_triggered_at"] = came.succeeded_at
        document = await self._webhooks.find_one_and_update(
            {"_id": endpoint.webhook_id, "lease": endpoint.lease},
            [{"$set": counted}, {"$set": {"is_active": active}}],
            return_document=ReturnDocument.AFTER,
            projection={"is_active": True},
        )
        return document is not None and bool(document["is_active"])

    @translated()
    async def release(self, endpoint: Endpoint, bell: int, due_at: datetime | None, busy_until: datetime) -> bool:
        """Let go of an endpoint; False when deliveries were added since `bell`, or it was lost.

        Args:
            endpoint: the endpoint.
            bell: as it was before it was found out what is due.
            due_at: when there is something to send; None when nothing waits.
            busy_until: until when it rests.
        """
        held = {"_id": endpoint.webhook_id, "lease": endpoint.lease, "bell": bell}
        changes: dict[str, Any] = {"$set": {"busy_until": busy_until}, "$unset": {"lease": True}}
        if due_at is None:
            changes["$unset"]["due_at"] = True
        else:
            changes["$set"]["due_at"] = due_at
        return bool((await self._webhooks.update_one(held, changes)).matched_count)

    @translated()
    async def let_go(self, endpoint: Endpoint, busy_until: datetime = IDLE) -> None:
        """Let go of an endpoint as it was found, for another sender or a later time."""
        held = {"_id": endpoint.webhook_id, "lease": endpoint.lease}
        await self._webhooks.update_one(held, {"$set": {"busy_until": busy_until}, "$unset": {"lease": True}})


def _endpoint(document: Document) -> Endpoint:
    secrets = SealedSecrets(document["secret"], document.get("old_secret", ""), document.get("old_secret_until"))
    return Endpoint(
        webhook_id=int(document["_id"]),
        operator_id=int(document.get("operator_id", 0)),
        url=document["url"],
        secrets=secrets,
        failure_count=int(document["failure_count"]),
        lease=document["lease"],
        bell=int(document["bell"]),
    )
