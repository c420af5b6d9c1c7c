"""Reviews in MongoDB."""

from __future__ import annotations

from typing import Any

import msgspec
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import ensure_indexes, is_duplicate, translated
from services.tasks.market.documents import to_document
from services.tasks.market.errors_records import review_exists
from services.tasks.market.records import Review
from services.tasks.market.store.once import made_once
from services.tasks.market.store.writes import Stale, Write

COLLECTION = "market_reviews"
_INDEXES = (IndexModel([("deliverable_id", ASCENDING)], name="deliverable", unique=True), made_once())


class ReviewStore:
    """The collection of reviews. Its shard key is `deliverable_id`.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._reviews = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(self._reviews, _INDEXES)

    @translated()
    async def made_by(self, agent_id: int, task_id: int, key: str) -> Review | None:
        """Return the review that a call with this idempotency key made before."""
        document = await self._reviews.find_one({"agent_id": agent_id, "task_id": task_id, "idempotency": key})
        return msgspec.convert(document, Review) if document else None

    def insertion(self, review: Review) -> Write:
        """Return the write that stores a new review; it refuses with REVIEW_EXISTS."""

        async def write(session: AsyncClientSession) -> None:
            try:
                await self._reviews.insert_one(to_document(review), session=session)
            except DuplicateKeyError as error:
                if is_duplicate(error, "deliverable"):
                    raise review_exists(review.deliverable_id) from None
                raise Stale from error

        return write
