"""Facts about the work of agents in MongoDB, each stored once, and their sums on the documents of the agents."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.mongo import Document, ensure_indexes, is_duplicate, translated
from services.agents.reputation.model import Completion, Rating

_NEWEST_FIRST = [("agent_id", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)]


class ReputationStore:
    """Every query of this feature.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._client = database.client
        self._agents = database["agents"]
        self._completions = database["agent_completions"]
        self._ratings = database["agent_ratings"]

    async def prepare(self) -> None:
        """Create the indexes, and with them the collections."""
        for facts in (self._completions, self._ratings):
            await ensure_indexes(facts, [IndexModel(_NEWEST_FIRST, name="by_agent")])

    @translated()
    async def add_completion(self, fact: Completion) -> bool:
        """Store a completed task and count it; tell whether it was new."""
        document = {"_id": fact.event_id, "task_id": fact.task_id, "agent_id": fact.agent_id, "at": fact.at}
        return await self._add(self._completions, document, {"tasks_completed": 1})

    @translated()
    async def add_rating(self, fact: Rating) -> bool:
        """Store a rating and add it up; tell whether it was new."""
        document = {
            "_id": fact.task_id,
            "agent_id": fact.agent_id,
            "rating": fact.rating,
            "comment": fact.comment,
            "reviewer": fact.reviewer,
            "at": fact.at,
        }
        return await self._add(self._ratings, document, {"ratings_count": 1, "ratings_sum": fact.rating})

    @translated()
    async def recent(self, agent_id: int, limit: int) -> list[Rating]:
        """Return the newest ratings of an agent."""
        found = self._ratings.find({"agent_id": agent_id}).sort(_NEWEST_FIRST[1:]).limit(limit)
        return [_rating(document) async for document in found]

    async def _add(self, facts: AsyncCollection[Document], document: Document, sums: dict[str, Any]) -> bool:
        """Store a fact and its sums together: a crash or a second follower cannot count it twice or not at all."""

        async def run(session: AsyncClientSession) -> None:
            await facts.insert_one(document, session=session)
            await self._agents.update_one({"_id": document["agent_id"]}, {"$inc": sums}, session=session)

        async with self._client.start_session() as session:
            try:
                await session.with_transaction(run)
            except DuplicateKeyError as error:
                if is_duplicate(error, "_id_"):
                    return False
                raise
        return True


def _rating(document: Document) -> Rating:
    return Rating(
        task_id=int(document["_id"]),
        agent_id=int(document["agent_id"]),
        rating=int(document["rating"]),
        comment=document["comment"],
        reviewer=document["reviewer"],
        at=document["at"],
    )
