"""Deliveries in MongoDB. One that arrived is removed by the server after a month; all others stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import BulkWriteError

from kit.mongo import Document, duplicate_index, ensure_indexes, translated
from services.agents.webhooks.errors import DeliveryNotFound
from services.agents.webhooks.model import DELIVERED, KEPT, PENDING, Attempt, Delivery, Step

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

COLLECTION = "webhook_deliveries"
_KEPT_ATTEMPTS = 50


class DeliveryStore:
    """Every query of deliveries.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._deliveries = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes."""
        newest = [("created_at", DESCENDING), ("_id", DESCENDING)]
        await ensure_indexes(
            self._deliveries,
            [
                IndexModel([("webhook_id", ASCENDING), *newest], name="by_webhook"),
                IndexModel([("webhook_id", ASCENDING), ("state", ASCENDING), *newest], name="by_state"),
                IndexModel(
                    [("webhook_id", ASCENDING), ("next_attempt_at", ASCENDING)],
                    name="due",
                    partialFilterExpression={"state": PENDING},
                ),
                IndexModel(
                    [("state", ASCENDING), ("created_at", ASCENDING)],
                    name="waiting",
                    partialFilterExpression={"state": PENDING},
                ),
                IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0),
            ],
        )

    @translated()
    async def insert(self, deliveries: Sequence[Delivery]) -> None:
        """Store new deliveries; those that exist already stay as they are."""
        if not deliveries:
            return
        try:
            await self._deliveries.insert_many([_document(delivery) for delivery in deliveries], ordered=False)
        except BulkWriteError as error:
            if any(duplicate_index(each) != "_id_" for each in error.details["writeErrors"]):
                raise

    @translated()
    async def due(self, webhook_id: int, now: datetime, limit: int) -> list[Delivery]:
        """Return the deliveries of a webhook whose next attempt is due, the longest due first."""
        wanted = {"webhook_id": webhook_id, "state": PENDING, "next_attempt_at": {"$lte": now}}
        found = self._deliveries.find(wanted, sort=[("next_attempt_at", ASCENDING)], limit=limit)
        return [_delivery(document) async for document in found]

    @translated()
    async def next_due(self, webhook_id: int) -> datetime | None:
        """Return when the next attempt of a webhook is due, None when nothing waits."""
        wanted = {"webhook_id": webhook_id, "state": PENDING}
        document = await self._deliveries.find_one(
            wanted, {"next_attempt_at": True}, sort=[("next_attempt_at", ASCENDING)]
        )
        return None if document is None else document["next_attempt_at"]

    @translated()
    async def record(self, delivery: Delivery, attempt: Attempt, step: Step, now: datetime) -> bool:
        """Store an attempt and what it makes of a delivery; False when the delivery has changed meanwhile."""
        wanted = {"_id": delivery.id, "state": PENDING, "tries": delivery.tries}
        attempts = {"$each": [_attempt_document(attempt)], "$slice": -_KEPT_ATTEMPTS}
        fields: dict[str, Any] = {"state": step.state, "tries": step.tries}
        changes: dict[str, Any] = {"$set": fields, "$push": {"attempts": attempts}}
        if step.next_attempt_at is not None:
            fields["next_attempt_at"] = step.next_attempt_at
        else:
            changes["$unset"] = {"next_attempt_at": True}
        if step.state == DELIVERED:
            fields["expires_at"] = now + KEPT
        return bool((await self._deliveries.update_one(wanted, changes)).matched_count)

    @translated()
    async def page(
        self, webhook_id: int, state: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> list[Delivery]:
        """Return deliveries of a webhook, newest first, from after a place on."""
        wanted: dict[str, Any] = {"webhook_id": webhook_id}
        if state is not None:
            wanted["state"] = state
        if after is not None:
            made, last = after
            wanted["created_at"] = {"$lte": made}
            wanted["$or"] = [{"created_at": {"$lt": made}}, {"_id": {"$lt": last}}]
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        return [_delivery(document) async for document in self._deliveries.find(wanted, sort=order, limit=limit)]

    @translated()
    async def replay_some(self, webhook_id: int, ids: Sequence[str], now: datetime) -> int:
        """Make deliveries due again, all or none.

        Raises:
            DeliveryNotFound: one of them is not of this webhook.
        """
        wanted = {"_id": {"$in": list(ids)}, "webhook_id": webhook_id}
        known = {document["_id"] async for document in self._deliveries.find(wanted, {"_id": True})}
        for delivery_id in ids:
            if delivery_id not in known:
                raise DeliveryNotFound(delivery_id)
        return (await self._deliveries.update_many(wanted, _again(now))).matched_count

    @translated()
    async def replay_span(self, webhook_id: int, since: datetime | None, until: datetime | None, now: datetime) -> int:
        """Make those deliveries due again that were made from `since` on and before `until`; returns how many."""
        span = {name: at for name, at in (("$gte", since), ("$lt", until)) if at is not None}
        wanted = {"webhook_id": webhook_id, "created_at": span}
        return (await self._deliveries.update_many(wanted, _again(now))).matched_count

    @translated()
    async def remove_all(self, webhook_id: int) -> None:
        """Remove the deliveries of a webhook."""
        await self._deliveries.delete_many({"webhook_id": webhook_id})

    @translated()
    async def waiting(self) -> int:
        """Return how many deliveries wait, also for webhooks that are switched off."""
        return await self._deliveries.count_documents({"state": PENDING})


def _again(now: datetime) -> dict[str, Any]:
    return {"$set": {"state": PENDING, "tries": 0, "next_attempt_at": now}, "$unset": {"expires_at": True}}


def _document(delivery: Delivery) -> Document:
    return {
        "_id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "event": delivery.event,
        "state": delivery.state,
        "tries": delivery.tries,
        "attempts": [],
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
        "body": delivery.body,
    }


def _delivery(document: Document) -> Delivery:
    return Delivery(
        id=document["_id"],
        webhook_id=int(document["webhook_id"]),
        event=document["event"],
        state=document["state"],
        tries=int(document["tries"]),
        attempts=tuple(Attempt(**attempt) for attempt in document["attempts"]),
        next_attempt_at=document.get("next_attempt_at"),
        created_at=document["created_at"],
        body=document["body"],
    )


def _attempt_document(attempt: Attempt) -> Document:
    return {"at": attempt.at, "status": attempt.status, "error": attempt.error, "duration_ms": attempt.duration_ms}
