"""The LLM keys of agents in MongoDB, sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import translated
from services.tasks.market.documents import to_document
from services.tasks.market.records import LlmKey

COLLECTION = "market_llm_keys"


class KeyStore:
    """The collection of keys, one for each agent. Its shard key is `_id`, the agent.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._keys = database[COLLECTION]

    @translated()
    async def find(self, agent_id: int) -> LlmKey | None:
        """Return the key of an agent."""
        document = await self._keys.find_one({"_id": agent_id})
        return msgspec.convert(document, LlmKey) if document else None

    @translated()
    async def put(self, key: LlmKey) -> None:
        """Store the key of an agent in place of the one it had."""
        await self._keys.replace_one({"_id": key.agent_id}, to_document(key), upsert=True)

    @translated()
    async def remove(self, agent_id: int) -> None:
        """Remove the key of an agent."""
        await self._keys.delete_one({"_id": agent_id})
