"""Operators, keys and agents in MongoDB. A secret is stored as its hash alone.

Nothing here is sharded: the hashes, names and numbers are unique across all operators.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from kit.ids import new_id
from kit.mongo import Document, ensure_indexes, is_duplicate, translated
from services.agents.identity.errors import AgentExists, OperatorExists
from services.agents.identity.model import ACTIVE, Agent, Operator, OperatorKey
from services.agents.numbers import Numbers
from services.agents.secret import Secret
from services.agents.welcome.store import WelcomeStore, new_operator_is_owed

UNIQUE_NAME = "unique_name"


class IdentityStore:
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
        self._keys = database["operator_keys"]
        self._agents = database["agents"]

    async def prepare(self) -> None:
        """Create the indexes."""
        by_secret = IndexModel([("secret_hash", ASCENDING)], name="unique_secret", unique=True)
        await ensure_indexes(self._operators, [IndexModel([("name", ASCENDING)], name=UNIQUE_NAME, unique=True)])
        await ensure_indexes(
            self._keys,
            [by_secret, IndexModel([("operator_id", ASCENDING), ("created_at", DESCENDING)], name="by_operator")],
        )
        by_name = IndexModel([("operator_id", ASCENDING), ("name", ASCENDING)], name=UNIQUE_NAME, unique=True)
        await ensure_indexes(self._agents, [by_secret, by_name])

    @translated()
    async def insert_operator(self, name: str, now: datetime) -> Operator:
        """Store a new operator under the next number.

        Raises:
            OperatorExists: the name is taken.
        """
        number = await self._numbers.next("operators")
        document = {"_id": number, "name": name, "created_at": now, **new_operator_is_owed()}
        try:
            await self._operators.insert_one(document)
        except DuplicateKeyError as error:
            if is_duplicate(error, UNIQUE_NAME):
                raise OperatorExists(name) from None
            raise
        return _operator(document)

    @translated()
    async def list_operators(self) -> list[Operator]:
        """Return all operators by id."""
        return [_operator(document) async for document in self._operators.find().sort("_id", ASCENDING)]

    @translated()
    async def operator_exists(self, operator_id: int) -> bool:
        """Tell whether there is an operator of this id; operators are never removed."""
        return await self._operators.find_one({"_id": operator_id}, {"_id": True}) is not None

    @translated()
    async def insert_key(self, key: OperatorKey, secret: Secret) -> None:
        """Store a new key of an operator."""
        await self._keys.insert_one(
            {
                "_id": key.id,
                "operator_id": key.operator_id,
                "prefix": key.prefix,
                "scopes": list(key.scopes),
                "test": key.test,
                "created_at": key.created_at,
                "revoked_at": None,
                "ending": key.ending,
                "secret_hash": secret.digest,
            }
        )

    @translated()
    async def list_keys(self, operator_id: int) -> list[OperatorKey]:
        """Return the keys of an operator, newest first."""
        found = self._keys.find({"operator_id": operator_id}).sort([("created_at", DESCENDING), ("_id", DESCENDING)])
        return [_key(document) async for document in found]

    @translated()
    async def find_key(self, secret: Secret) -> OperatorKey | None:
        """Return the key of this secret, revoked or not."""
        document = await self._keys.find_one({"secret_hash": secret.digest})
        if document is None or not secret.matches(document["secret_hash"]):
            return None
        return _key(document)

    @translated()
    async def note_use(self, key_id: str, at: datetime) -> None:
        """Write down when a key was used last; an older time changes nothing."""
        await self._keys.update_one({"_id": key_id}, {"$max": {"last_used_at": at}})

    @translated()
    async def revoke_key(self, key_id: str, owner: int | None, now: datetime) -> OperatorKey | None:
        """Mark a key as revoked, once, and return it.

        Args:
            key_id: the key.
            owner: the operator that it must belong to, None for any.
            now: when it is revoked, if it is not yet.
        """
        wanted: dict[str, Any] = {"_id": key_id} if owner is None else {"_id": key_id, "operator_id": owner}
        document = await self._keys.find_one_and_update(
            wanted,
            [{"$set": {"revoked_at": {"$ifNull": ["$revoked_at", now]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _key(document)

    @translated()
    async def insert_agent(self, operator_id: int, name: str, secret: Secret, now: datetime) -> Agent:
        """Store a new agent under the next number.

        Raises:
            AgentExists: the operator has an agent of that name.
        """
        document = new_agent_document(await self._numbers.next("agents"), operator_id, name, secret, now)

        async def insert(session: AsyncClientSession | None) -> None:
            await self._agents.insert_one(document, session=session)

        try:
            await self._welcome.admit_agent(operator_id, insert)
        except DuplicateKeyError as error:
            if is_duplicate(error, UNIQUE_NAME):
                raise AgentExists(name) from None
            raise
        return _agent(document)

    @translated()
    async def list_agents(self, operator_id: int) -> list[Agent]:
        """Return the agents of an operator by id."""
        found = self._agents.find({"operator_id": operator_id}).sort("_id", ASCENDING)
        return [_agent(document) async for document in found]

    @translated()
    async def find_agent(self, secret: Secret) -> Agent | None:
        """Return the agent whose present key has this secret."""
        document = await self._agents.find_one({"secret_hash": secret.digest})
        if document is None or not secret.matches(document["secret_hash"]):
            return None
        return _agent(document)

    @translated()
    async def replace_agent_key(self, agent_id: int, owner: int | None, secret: Secret) -> Agent | None:
        """Give an agent another key, and return the agent as it was before.

        Args:
            agent_id: the agent.
            owner: the operator that it must belong to, None for any.
            secret: the new secret.
        """
        wanted: dict[str, Any] = {"_id": agent_id} if owner is None else {"_id": agent_id, "operator_id": owner}
        document = await self._agents.find_one_and_update(
            wanted, {"$set": {"secret_hash": secret.digest, "key_id": new_id()}}, return_document=ReturnDocument.BEFORE
        )
        return None if document is None else _agent(document)


def new_agent_document(number: int, operator_id: int, name: str, secret: Secret, now: datetime) -> Document:
    """Return the document of a new agent."""
    return {
        "_id": number,
        "uuid": new_id(),
        "operator_id": operator_id,
        "name": name,
        "key_id": new_id(),
        "created_at": now,
        "secret_hash": secret.digest,
        "status": ACTIVE,
    }


def _operator(document: Document) -> Operator:
    return Operator(id=int(document["_id"]), name=document["name"], created_at=document["created_at"])


def _key(document: Document) -> OperatorKey:
    return OperatorKey(
        id=document["_id"],
        operator_id=int(document["operator_id"]),
        prefix=document["prefix"],
        scopes=tuple(document["scopes"]),
        test=document["test"],
        created_at=document["created_at"],
        revoked_at=document["revoked_at"],
        last_used_at=document.get("last_used_at"),
        ending=document.get("ending", ""),
    )


def _agent(document: Document) -> Agent:
    return Agent(
        id=int(document["_id"]),
        uuid=document["uuid"],
        operator_id=int(document["operator_id"]),
        name=document["name"],
        key_id=document["key_id"],
        created_at=document["created_at"],
        status=document.get("status", ACTIVE),
    )
