"""How far each follower has come, and the events that it had to set aside, in MongoDB."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from kit.mongo import Document, translated

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

    from services.agents.feed.model import MarketEvent


class CursorStore:
    """Every query of the followers. All of them are by id.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._cursors = database["feed_cursors"]
        self._skipped = database["feed_skipped"]

    @translated()
    async def load(self, follower: str) -> int | None:
        """Return the number of the last event that the follower handled; None when it never began."""
        document = await self._cursors.find_one({"_id": follower})
        return None if document is None else int(document["seq"])

    @translated()
    async def advance(self, follower: str, seq: int) -> None:
        """Store how far the follower has come; a leader that was replaced cannot take it back."""
        await self._cursors.update_one({"_id": follower}, {"$max": {"seq": seq}}, upsert=True)

    @translated()
    async def rewind(self, follower: str, seq: int) -> None:
        """Store a place in another history, whose numbers are lower."""
        await self._cursors.update_one({"_id": follower}, {"$set": {"seq": seq}}, upsert=True)

    @translated()
    async def set_aside(self, follower: str, event: MarketEvent, error: str, at: datetime) -> None:
        """Keep an event that the follower could not handle."""
        document = {"seq": event.seq, "type": event.type, "data": event.data, "error": error, "at": at}
        await self._skipped.update_one({"_id": f"{follower}:{event.id}"}, {"$set": document}, upsert=True)
