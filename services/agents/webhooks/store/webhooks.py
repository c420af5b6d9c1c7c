"""Webhooks in MongoDB, as agents and events find them.

Each webhook has one of the five slots of its agent, under a unique index: a sixth finds none, however many are made at
once. One that is being deleted has no slot, and is found by nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from kit.mongo import Document, ensure_indexes, is_duplicate, translated
from services.agents.numbers import Numbers
from services.agents.webhooks.errors import WebhookLimit
from services.agents.webhooks.model import MAX_PER_AGENT, SealedSecrets, Webhook

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

    from services.agents.webhooks.service import Request

COLLECTION = "webhooks"
IDLE = datetime(1970, 1, 1, tzinfo=UTC)
"""Until when an endpoint is busy that is not."""
_SLOT, _KEY = "unique_slot", "unique_key"
_PRESENT = {"slot": {"$gte": 0}}
_BATCH = 500


class WebhookStore:
    """Queries of agents and of the events that look for recipients.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._numbers = Numbers(database)
        self._webhooks = database[COLLECTION]
        self._agents = database["agents"]

    async def prepare(self) -> None:
        """Create the indexes."""
        by_slot = [("agent_id", ASCENDING), ("slot", ASCENDING)]
        by_key = [("agent_id", ASCENDING), ("request.key", ASCENDING)]
        keyed = {"request.key": {"$type": "string"}, **_PRESENT}
        await ensure_indexes(
            self._webhooks,
            [
                IndexModel(by_slot, name=_SLOT, unique=True, partialFilterExpression=_PRESENT),
                IndexModel(by_key, name=_KEY, unique=True, partialFilterExpression=keyed),
                IndexModel(
                    [("events", ASCENDING), ("_id", ASCENDING)],
                    name="by_event",
                    partialFilterExpression={"is_active": True},
                ),
                IndexModel(
                    [("due_at", ASCENDING), ("busy_until", ASCENDING), ("operator_id", ASCENDING)],
                    name="waiting",
                    partialFilterExpression={"due_at": {"$exists": True}},
                ),
                IndexModel([("condemned", ASCENDING)], name="condemned", sparse=True),
            ],
        )

    async def next_id(self) -> int:
        """Return the next number of a webhook."""
        return await self._numbers.next("webhooks")

    @translated()
    async def insert(self, webhook: Webhook, sealed: str, request: Request | None) -> bool:
        """Store a new webhook; False when the agent has one that was asked for with the same key.

        Raises:
            WebhookLimit: all slots of the agent are taken.
        """
        document = _new_document(webhook, sealed, request)
        while True:
            document["slot"] = await self._free_slot(webhook.agent_id)
            try:
                await self._webhooks.insert_one(document)
            except DuplicateKeyError as error:
                if is_duplicate(error, _KEY):
                    return False
                if not is_duplicate(error, _SLOT):
                    raise
            else:
                return True

    @translated()
    async def of_agent(self, agent_id: int) -> list[Webhook]:
        """Return the webhooks of an agent by id."""
        found = [_webhook(document) async for document in self._webhooks.find({"agent_id": agent_id, **_PRESENT})]
        return sorted(found, key=lambda webhook: webhook.id)

    @translated()
    async def find(self, webhook_id: int, agent_id: int) -> Webhook | None:
        """Return a webhook of an agent."""
        document = await self._webhooks.find_one({"_id": webhook_id, "agent_id": agent_id, **_PRESENT})
        return None if document is None else _webhook(document)

    @translated()
    async def find_request(self, agent_id: int, key: str) -> tuple[Webhook, str, str] | None:
        """Return the webhook that was asked for with a key, its sealed secret, and the digest of the request."""
        document = await self._webhooks.find_one({"agent_id": agent_id, "request.key": key, **_PRESENT})
        return None if document is None else (_webhook(document), document["secret"], document["request"]["digest"])

    @translated()
    async def rotate(
        self, webhook_id: int, agent_id: int, sealed: SealedSecrets, prefix: str, now: datetime
    ) -> Webhook | None:
        """Make the present secret the old one, and switch the webhook on."""
        changes: dict[str, Any] = {
            "old_secret": "$secret",
            "old_secret_until": sealed.old_until,
            "secret": {"$literal": sealed.current},
            "secret_prefix": {"$literal": prefix},
        }
        return await self._switch_on(webhook_id, agent_id, now, changes)

    async def switch_on(self, webhook_id: int, agent_id: int, now: datetime) -> None:
        """Let a webhook get events, and look at once for what waits for it."""
        async with translated():
            await self._switch_on(webhook_id, agent_id, now, {})

    @translated()
    async def condemn(self, webhook_id: int, agent_id: int) -> bool:
        """Take a webhook out of everybody's sight; False when the agent has none of that id."""
        wanted = {"_id": webhook_id, "agent_id": agent_id, **_PRESENT}
        gone = {"slot": True, "due_at": True, "lease": True}
        changes = {"$set": {"condemned": True, "is_active": False}, "$unset": gone}
        return bool((await self._webhooks.update_one(wanted, changes)).modified_count)

    @translated()
    async def condemned(self) -> list[int]:
        """Return the webhooks that are out of sight and not yet removed."""
        found = self._webhooks.find({"condemned": True}, {"_id": True})
        return [int(document["_id"]) async for document in found]

    @translated()
    async def remove(self, webhook_id: int) -> None:
        """Remove a webhook."""
        await self._webhooks.delete_one({"_id": webhook_id})

    @translated()
    async def wanting(self, agent_id: int, event: str) -> list[int]:
        """Return the webhooks of an agent that are to get an event."""
        wanted = {"agent_id": agent_id, **_PRESENT, "is_active": True, "events": event}
        return [int(document["_id"]) async for document in self._webhooks.find(wanted, {"_id": True})]

    async def all_wanting(self, event: str, category_id: int | None) -> AsyncIterator[list[int]]:
        """Yield the webhooks of all agents that are to get an event, some hundreds at a time.

        Args:
            event: the event.
            category_id: only of agents that work in this category or name none; None is of all.
        """
        after = 0
        while True:
            batch = await self._batch_wanting(event, after)
            if category_id is not None:
                interested = await self._interested(set(batch.values()), category_id)
                yield [webhook_id for webhook_id, agent_id in batch.items() if agent_id in interested]
            else:
                yield list(batch)
            if len(batch) < _BATCH:
                return
            after = max(batch)

    @translated()
    async def _batch_wanting(self, event: str, after: int) -> dict[int, int]:
        wanted = {"events": event, "_id": {"$gt": after}, "is_active": True}
        found = self._webhooks.find(wanted, {"agent_id": True}, sort=[("_id", ASCENDING)], limit=_BATCH)
        return {int(document["_id"]): int(document["agent_id"]) async for document in found}

    @translated()
    async def _interested(self, agent_ids: set[int], category_id: int) -> set[int]:
        """Return those agents that do not say that they work in other categories only."""
        found = self._agents.find({"_id": {"$in": sorted(agent_ids)}}, {"category_ids": True})
        categories = {int(document["_id"]): document.get("category_ids") or () async for document in found}
        return {agent_id for agent_id in agent_ids if category_id in (categories.get(agent_id) or (category_id,))}

    async def _free_slot(self, agent_id: int) -> int:
        found = self._webhooks.find({"agent_id": agent_id, **_PRESENT}, {"slot": True})
        taken = {int(document["slot"]) async for document in found}
        free = sorted(set(range(MAX_PER_AGENT)) - taken)
        if not free:
            raise WebhookLimit
        return free[0]

    async def _switch_on(
        self, webhook_id: int, agent_id: int, now: datetime, changes: Mapping[str, Any]
    ) -> Webhook | None:
        on = {
            "is_active": True,
            "failure_count": 0,
            "due_at": now,
            "bell": {"$add": ["$bell", 1]},
            # Who holds the endpoint now goes on; a rest after failures ends.
            "busy_until": {"$cond": [{"$gt": ["$lease", None]}, "$busy_until", IDLE]},
        }
        document = await self._webhooks.find_one_and_update(
            {"_id": webhook_id, "agent_id": agent_id, **_PRESENT},
            [{"$set": {**on, **changes}}],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _webhook(document)


def _new_document(webhook: Webhook, sealed: str, request: Request | None) -> Document:
    document = {
        "_id": webhook.id,
        "agent_id": webhook.agent_id,
        "operator_id": webhook.operator_id,
        "url": webhook.url,
        "events": list(webhook.events),
        "is_active": True,
        "failure_count": 0,
        "last_triggered_at": None,
        "created_at": webhook.created_at,
        "secret": sealed,
        "secret_prefix": webhook.secret_prefix,
        "bell": 0,
        "busy_until": IDLE,
    }
    if request is not None:
        document["request"] = {"key": request.key, "digest": request.digest}
    return document


def _webhook(document: Document) -> Webhook:
    return Webhook(
        id=int(document["_id"]),
        agent_id=int(document["agent_id"]),
        operator_id=int(document.get("operator_id", 0)),
        url=document["url"],
        events=tuple(document["events"]),
        is_active=document["is_active"],
        failure_count=int(document["failure_count"]),
        last_triggered_at=document["last_triggered_at"],
        created_at=document["created_at"],
        secret_prefix=document["secret_prefix"],
    )
