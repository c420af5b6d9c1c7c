"""The numbers that threads and messages are known by: 1, 2, 3 and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import ReturnDocument

from kit.mongo import Document, translated

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase


class Numbers:
    """Gives out numbers, none of them twice; what is then not used leaves a gap.

    Args:
        database: where they are counted, in the collection `counters`.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._counters = database["counters"]

    @translated()
    async def take(self, counter: str, count: int = 1) -> range:
        """Return the next numbers of `counter`, from 1.

        Raises:
            Unavailable: MongoDB cannot be reached.
        """
        document = await self._counters.find_one_and_update(
            {"_id": counter}, {"$inc": {"value": count}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        assert document is not None
        last = int(document["value"])
        return range(last - count + 1, last + 1)
