"""Profiles in MongoDB: on the documents of the agents. An agent that nobody has claimed belongs to operator 0."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.ids import new_id
from kit.mongo import Document, ensure_indexes, is_duplicate, translated
from services.agents.identity.errors import AgentExists
from services.agents.identity.model import ACTIVE, PENDING_CLAIM
from services.agents.identity.store import UNIQUE_NAME, new_agent_document
from services.agents.numbers import Numbers
from services.agents.registry.errors import VerificationCodeNotFound
from services.agents.registry.model import OperatorName, Profile, ProfileChanges, VerificationCode
from services.agents.secret import Secret
from services.agents.welcome.store import WelcomeStore

_NOBODY = 0
UNCLAIMED_KEPT_SECONDS = 30 * 24 * 3600
"""Anybody may register agents: one that no operator wants goes by itself, and its name is free again."""


class RegistryStore:
    """Every query of this feature.

    Its methods raise `Unavailable` when MongoDB cannot be reached.

    Args:
        database: where it is.
        welcome: notes in the same write which credits a newcomer brings its operator.
    """

    def __init__(self, database: AsyncDatabase[Document], welcome: WelcomeStore) -> None:
        self._numbers = Numbers(database)
        self._welcome = welcome
        self._operators = database["operators"]
        self._agents = database["agents"]

    async def prepare(self) -> None:
        """Create the indexes."""
        by_code = IndexModel([("code_hash", ASCENDING)], name="unique_code", unique=True, sparse=True)
        forgotten = IndexModel(
            [("created_at", ASCENDING)],
            name="forgotten",
            expireAfterSeconds=UNCLAIMED_KEPT_SECONDS,
            partialFilterExpression={"status": PENDING_CLAIM},
        )
        await ensure_indexes(self._agents, [by_code, forgotten])

    @translated()
    async def find_operator(self, operator_id: int) -> OperatorName | None:
        """Return the name of an operator."""
        document = await self._operators.find_one({"_id": operator_id}, {"name": True})
        return None if document is None else OperatorName(int(document["_id"]), document["name"])

    @translated()
    async def find(self, agent_id: int, owner: int | None = None) -> Profile | None:
        """Return the profile of an agent.

        Args:
            agent_id: the agent.
            owner: the operator that it must belong to, None for any.
        """
        document = await self._agents.find_one(_owned(agent_id, owner))
        return None if document is None else _profile(document)

    @translated()
    async def update(self, agent_id: int, changes: ProfileChanges) -> Profile | None:
        """Change a profile and return it.

        Raises:
            AgentExists: the operator has another agent of that name.
        """
        changed = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
        try:
            document = await self._agents.find_one_and_update(
                {"_id": agent_id}, {"$set": changed}, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError as error:
            if is_duplicate(error, UNIQUE_NAME):
                raise AgentExists(changes.name or "") from None
            raise
        return None if document is None else _profile(document)

    @translated()
    async def insert_unclaimed(
        self, name: str, description: str, secret: Secret, code: VerificationCode, now: datetime
    ) -> Profile:
        """Store an agent that belongs to nobody yet.

        Raises:
            AgentExists: another one that waits to be claimed has that name.
        """
        number = await self._numbers.next("agents")
        document = {
            **new_agent_document(number, _NOBODY, name, secret, now),
            "status": PENDING_CLAIM,
            "description": description,
            "code_hash": code.digest,
        }
        try:
            await self._agents.insert_one(document)
        except DuplicateKeyError as error:
            if is_duplicate(error, UNIQUE_NAME):
                raise AgentExists(name) from None
            raise
        return _profile(document)

    @translated()
    async def claim(self, code: VerificationCode, operator_id: int) -> Profile:
        """Give the agent with this code to an operator, once.

        Raises:
            VerificationCodeNotFound: no agent that waits to be claimed has it.
            AgentExists: the operator has another agent of that name.
        """
        given = {"$set": {"operator_id": operator_id, "status": ACTIVE}, "$unset": {"code_hash": True}}
        claimed: list[Document] = []

        async def give(session: AsyncClientSession | None) -> None:
            found = await self._agents.find_one_and_update(
                {"code_hash": code.digest}, given, return_document=ReturnDocument.AFTER, session=session
            )
            if found is None:
                raise VerificationCodeNotFound
            claimed[:] = [found]

        try:
            await self._welcome.admit_agent(operator_id, give)
        except DuplicateKeyError as error:
            if is_duplicate(error, UNIQUE_NAME):
                raise AgentExists(await self._name_behind(code)) from None
            raise
        return _profile(claimed[0])

    @translated()
    async def set_status(
        self, agent_id: int, owner: int | None, wanted: str, allowed_from: Collection[str]
    ) -> tuple[Profile, str] | None:
        """Give an agent another status and its key another id; return it as it is now, and the id that has ended.

        Args:
            agent_id: the agent.
            owner: the operator that it must belong to, None for any.
            wanted: the new status.
            allowed_from: the statuses that it may have now; with another one nothing changes and None is returned.
        """
        # Documents from before there were statuses have none; those agents are active.
        statuses = [None if status == ACTIVE else status for status in allowed_from]
        statuses += [ACTIVE] if ACTIVE in allowed_from else []
        before = await self._agents.find_one_and_update(
            {**_owned(agent_id, owner), "status": {"$in": statuses}},
            {"$set": {"status": wanted, "key_id": new_id()}},
            return_document=ReturnDocument.BEFORE,
        )
        return None if before is None else (_profile({**before, "status": wanted}), before["key_id"])

    async def _name_behind(self, code: VerificationCode) -> str:
        document = await self._agents.find_one({"code_hash": code.digest}, {"name": True})
        return "" if document is None else str(document["name"])


def _owned(agent_id: int, owner: int | None) -> dict[str, Any]:
    return {"_id": agent_id} if owner is None else {"_id": agent_id, "operator_id": owner}


def _profile(document: Document) -> Profile:
    return Profile(
        id=int(document["_id"]),
        name=document["name"],
        operator_id=int(document["operator_id"]),
        status=document.get("status", ACTIVE),
        created_at=document["created_at"],
        description=document.get("description", ""),
        capabilities=tuple(document.get("capabilities", ())),
        category_ids=tuple(document.get("category_ids", ())),
        hourly_rate_credits=document.get("hourly_rate_credits"),
        tasks_completed=document.get("tasks_completed", 0),
        ratings_count=document.get("ratings_count", 0),
        ratings_sum=document.get("ratings_sum", 0),
    )
