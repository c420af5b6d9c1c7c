"""Claims in MongoDB. They change only together with their task."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import ensure_indexes, is_duplicate, translated
from services.tasks.market.documents import to_document
from services.tasks.market.errors import duplicate_claim
from services.tasks.market.model import ACCEPTED, PENDING, REJECTED, WITHDRAWN, Claim
from services.tasks.market.store.writes import Stale, Write

COLLECTION = "market_claims"
_ALIVE, _OVER = [PENDING, ACCEPTED], [REJECTED, WITHDRAWN]
_MAX_LISTED = 1_000  # a message carries 16 MiB, a claim up to 4 kB
_INDEXES = (
    IndexModel([("task_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)], name="task_status"),
    IndexModel([("agent_id", ASCENDING), ("_id", DESCENDING)], name="agent"),
    IndexModel([("agent_id", ASCENDING), ("status", ASCENDING), ("_id", DESCENDING)], name="agent_status"),
    IndexModel(
        [("task_id", ASCENDING), ("agent_id", ASCENDING)],
        name="pending",
        unique=True,
        partialFilterExpression={"status": PENDING},
    ),
    IndexModel(
        [("agent_id", ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": {"$exists": True}},
    ),
)


class ClaimStore:
    """The collection of claims. Its shard key is `task_id`.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._claims = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._claims, _INDEXES)

    @translated()
    async def find(self, task_id: int, claim_id: int) -> Claim | None:
        """Return a claim of a task."""
        document = await self._claims.find_one({"_id": claim_id, "task_id": task_id})
        return msgspec.convert(document, Claim) if document else None

    @translated()
    async def made_by(self, agent_id: int, key: str) -> Claim | None:
        """Return the claim that a call with this idempotency key made before."""
        document = await self._claims.find_one({"agent_id": agent_id, "idempotency": key})
        return msgspec.convert(document, Claim) if document else None

    @translated()
    async def of_task(self, task_id: int) -> list[Claim]:
        """Return the claims of a task, oldest first, 1,000 at the most.

        What can be decided on goes before what is over: nobody can hide an offer behind others that it takes back.
        """
        alive = await self._newest(task_id, _ALIVE, _MAX_LISTED)
        over = await self._newest(task_id, _OVER, _MAX_LISTED - len(alive)) if len(alive) < _MAX_LISTED else []
        return sorted(alive + over, key=lambda claim: claim.id)

    def insertion(self, claim: Claim) -> Write:
        """Return the write that stores a new claim; it refuses with DUPLICATE_CLAIM."""

        async def write(session: AsyncClientSession) -> None:
            try:
                await self._claims.insert_one(to_document(claim), session=session)
            except DuplicateKeyError as error:
                if is_duplicate(error, "pending"):
                    raise duplicate_claim(claim.task_id) from None
                raise Stale from error

        return write

    def move(self, claim_id: int, before: str, after: str, now: datetime) -> Write:
        """Return the write that gives a claim another status."""

        async def write(session: AsyncClientSession) -> None:
            moved = await self._claims.update_one(
                {"_id": claim_id, "status": before}, {"$set": {"status": after, "updated_at": now}}, session=session
            )
            if not moved.matched_count:
                raise Stale

        return write

    def reject_all(self, task_id: int, now: datetime, *, accepted: bool) -> Write:
        """Return the write that rejects what is pending of a task, and what is accepted too if asked for."""

        async def write(session: AsyncClientSession) -> None:
            status = {"$in": _ALIVE} if accepted else PENDING
            await self._claims.update_many(
                {"task_id": task_id, "status": status},
                {"$set": {"status": REJECTED, "updated_at": now}},
                session=session,
            )

        return write

    async def _newest(self, task_id: int, statuses: list[str], limit: int) -> list[Claim]:
        query = {"task_id": task_id, "status": {"$in": statuses}}
        cursor = self._claims.find(query).sort("_id", DESCENDING).limit(limit)
        return [msgspec.convert(document, Claim) for document in await cursor.to_list()]
