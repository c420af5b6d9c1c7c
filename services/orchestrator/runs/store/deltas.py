"""Text that models are writing: events without a document of their own, kept no longer than the relay needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import ensure_indexes, translated

COLLECTION = "run_deltas"
# The relay finds them in the oplog; the documents only matter to a relay that lost its place.
_KEPT_SECONDS = 3600


class DeltaStore:
    """Stores pieces of text. The shard key is `_id`.

    Args:
        database: the database of the orchestrator.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._deltas = database[COLLECTION]

    async def prepare(self) -> None:
        """Create the indexes."""
        index = IndexModel([("change.at", ASCENDING)], name="old", expireAfterSeconds=_KEPT_SECONDS)
        await ensure_indexes(self._deltas, [index])

    @translated()
    async def add(self, changes: Sequence[dict[str, Any]]) -> None:
        """Store pieces, in their order."""
        await self._deltas.insert_many([{"_id": change["id"], "change": change} for change in changes])
