"""Sessions in MongoDB. A token is stored as its hash alone; the server removes what has expired.

Opening is serialised per project and name: a transaction begins with a write to the document of that name, so that of
two that run at once the later one sees what the earlier one did. Exactly one session is left, whatever the clocks say.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import Document, ensure_indexes, translated
from services.agents.secret import Secret
from services.agents.sessions.model import Opened, Session


class SessionStore:
    """Every query of this feature.

    Its methods raise `Unavailable` when MongoDB cannot be reached.
    """

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._client = database.client
        self._sessions = database["sessions"]
        self._names = database["session_names"]

    async def prepare(self) -> None:
        """Create the indexes."""
        expiry = IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0)
        by_name = [("project_id", ASCENDING), ("agent_name", ASCENDING), ("created_at", DESCENDING)]
        await ensure_indexes(
            self._sessions,
            [
                IndexModel([("secret_hash", ASCENDING)], name="unique_secret", unique=True),
                IndexModel(by_name, name="by_name"),
                expiry,
            ],
        )
        await ensure_indexes(self._names, [expiry])

    @translated()
    async def find_by_token(self, token: Secret) -> Session | None:
        """Return the session of this token, expired or not."""
        document = await self._sessions.find_one({"secret_hash": token.digest})
        if document is None or not token.matches(document["secret_hash"]):
            return None
        return _session(document)

    @translated()
    async def find_live(self, session_id: str, now: datetime) -> Session | None:
        """Return a session that has not ended."""
        document = await self._sessions.find_one({"_id": session_id, "expires_at": {"$gt": now}})
        return None if document is None else _session(document)

    @translated()
    async def open(self, wanted: Session, token: Secret, *, resume: bool, keep_others: bool) -> Opened:
        """Store `wanted`, or take up the newest live session of its name, and end the others of that name.

        Args:
            wanted: the session to open.
            token: its token, or the new one of the session that is taken up.
            resume: take one up if there is one.
            keep_others: leave the others alone.
        """

        async def run(session: AsyncClientSession) -> Opened:
            return await self._open(session, wanted, token, resume=resume, keep_others=keep_others)

        async with self._client.start_session() as session:
            return await session.with_transaction(run)

    async def _open(
        self, session: AsyncClientSession, wanted: Session, token: Secret, *, resume: bool, keep_others: bool
    ) -> Opened:
        await self._names.update_one(
            {"_id": f"{wanted.project_id}/{wanted.agent_name}"},
            {"$inc": {"opened": 1}, "$max": {"expires_at": wanted.expires_at}},
            upsert=True,
            session=session,
        )
        of_name = {"project_id": wanted.project_id, "agent_name": wanted.agent_name}
        newest_first = [("created_at", DESCENDING), ("_id", DESCENDING)]
        found = self._sessions.find({**of_name, "expires_at": {"$gt": wanted.created_at}}, session=session)
        live = [_session(document) async for document in found.sort(newest_first)]
        if resume and live:
            ended = live[:1]
            current = _with_credential_of(live[0], wanted)
            await self._sessions.replace_one({"_id": current.id}, _document(current, token), session=session)
        else:
            ended = []
            current = wanted
            await self._sessions.insert_one(_document(current, token), session=session)
        if not keep_others:
            ended = live
            await self._sessions.delete_many({**of_name, "_id": {"$ne": current.id}}, session=session)
        return Opened(session=current, resumed=current is not wanted, ended=tuple(each.credential_id for each in ended))

    @translated()
    async def extend(self, session_id: str, by: timedelta, now: datetime, latest: datetime) -> Session | None:
        """Move the end of a session; None when it has ended, or when its end would pass `latest`."""
        document = await self._sessions.find_one_and_update(
            {"_id": session_id, "expires_at": {"$gt": now, "$lte": latest - by}},
            [{"$set": {"expires_at": {"$add": ["$expires_at", int(by.total_seconds() * 1000)]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else _session(document)

    @translated()
    async def note_activity(self, session_id: str, at: datetime) -> None:
        """Write down when a session was used last; an older time changes nothing."""
        await self._sessions.update_one({"_id": session_id}, {"$max": {"last_activity_at": at}})

    @translated()
    async def remove(self, session_id: str, now: datetime) -> str | None:
        """End a session, and return the id of its credential; None when it has ended already."""
        document = await self._sessions.find_one_and_delete({"_id": session_id, "expires_at": {"$gt": now}})
        return None if document is None else str(document["credential_id"])

    @translated()
    async def remove_project(self, project_id: str, now: datetime) -> list[str]:
        """End the sessions of a project, and return the ids of the credentials of those that were live."""
        live = {"project_id": project_id, "expires_at": {"$gt": now}}
        found = [
            (each["_id"], each["credential_id"]) async for each in self._sessions.find(live, {"credential_id": True})
        ]
        await self._sessions.delete_many({"project_id": project_id, "_id": {"$in": [each[0] for each in found]}})
        return [each[1] for each in found]


def _with_credential_of(session: Session, wanted: Session) -> Session:
    return Session(
        id=session.id,
        agent_name=session.agent_name,
        project_id=session.project_id,
        operator_id=session.operator_id,
        created_at=session.created_at,
        expires_at=wanted.expires_at,
        last_activity_at=wanted.last_activity_at,
        credential_id=wanted.credential_id,
    )


def _document(session: Session, token: Secret) -> Document:
    return {
        "_id": session.id,
        "agent_name": session.agent_name,
        "project_id": session.project_id,
        "operator_id": session.operator_id,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "last_activity_at": session.last_activity_at,
        "credential_id": session.credential_id,
        "secret_hash": token.digest,
    }


def _session(document: dict[str, Any]) -> Session:
    return Session(
        id=document["_id"],
        agent_name=document["agent_name"],
        project_id=document["project_id"],
        operator_id=int(document["operator_id"]),
        created_at=document["created_at"],
        expires_at=document["expires_at"],
        last_activity_at=document["last_activity_at"],
        credential_id=document["credential_id"],
    )
