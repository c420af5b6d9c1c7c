"""What operators are owed, in MongoDB: on their own documents, so that it cannot be lost between two writes.

`welcome_due` lists what has to be given, `welcome_open` what is still to be earned. Operators that came before there
were credits have neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import Document, ensure_indexes, translated
from services.agents.welcome.model import AGENT, KINDS, OPERATOR, Owed

_BY_DUE = "by_welcome_due"


class WelcomeStore:
    """Every query of this feature.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._client = database.client
        self._operators = database["operators"]

    async def prepare(self) -> None:
        """Create the index."""
        await ensure_indexes(self._operators, [IndexModel([("welcome_due", ASCENDING)], name=_BY_DUE, sparse=True)])

    @translated()
    async def owed(self, operator_id: int) -> Owed:
        """Return what an operator has not been given yet."""
        document = await self._operators.find_one({"_id": operator_id}, {"welcome_due": True})
        return _owed(document or {"_id": operator_id})

    @translated()
    async def find_owed(self, after: int, limit: int) -> list[Owed]:
        """Return what is owed to operators with ids over `after`, by id."""
        found = self._operators.find(
            {"welcome_due": {"$in": list(KINDS)}, "_id": {"$gt": after}}, {"welcome_due": True}, hint=_BY_DUE
        )
        return [_owed(document) async for document in found.sort("_id", ASCENDING).limit(limit)]

    @translated()
    async def note_given(self, operator_id: int, kind: str) -> None:
        """Strike out what has been given."""
        await self._operators.update_one({"_id": operator_id}, {"$pull": {"welcome_due": kind}})

    @translated()
    async def admit_agent(
        self, operator_id: int, write: Callable[[AsyncClientSession | None], Awaitable[None]]
    ) -> None:
        """Write an agent of an operator; if it is the first one, its bonus falls due in the same transaction.

        Args:
            operator_id: the operator.
            write: writes the agent, within a session if it gets one; may be called again. What it raises undoes all.
        """
        opening = {"_id": operator_id, "welcome_open": AGENT}
        if await self._operators.find_one(opening, {"_id": True}) is None:
            await write(None)
            return
        falls_due: dict[str, Any] = {"$pull": {"welcome_open": AGENT}, "$push": {"welcome_due": AGENT}}

        async def run(session: AsyncClientSession) -> None:
            await self._operators.update_one(opening, falls_due, session=session)
            await write(session)

        async with self._client.start_session() as session:
            await session.with_transaction(run)


def new_operator_is_owed() -> Document:
    """Return the fields of a new operator's document that say what it gets."""
    return {"welcome_due": [OPERATOR], "welcome_open": [AGENT]}


def _owed(document: Document) -> Owed:
    return Owed(int(document["_id"]), tuple(document.get("welcome_due", ())))
