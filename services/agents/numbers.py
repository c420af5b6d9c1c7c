"""The numbers that operators and agents are known by: 1, 2, 3 and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import ReturnDocument

from kit.mongo import Document, translated

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase


class Numbers:
    """Gives out numbers, none of them twice.

    Args:
        database: where they are counted, in the collection `counters`.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._counters = database["counters"]

    @translated()
    async def next(self, counter: str) -> int:
        """Return the next number of `counter`, from 1.

        It is spent before it is used: what is then refused leaves a gap.

        Raises:
            Unavailable: MongoDB cannot be reached.
        """
        document = await self._counters.find_one_and_update(
            {"_id": counter}, {"$inc": {"value": 1}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert document is not None
        return int(document["value"])
