"""The collections `events` and `event_positions`: every query that relay and tail make.

An event is stored as `{_id: seq, change: {...}, at, token?}`. `_id` is the fence: two relays that both believe to lead
collide on the next number, and one of them starts again from what is stored. `change.id` is unique, so a change can
never be stored twice. `at` is when the event was stored; `token` is the place in the change stream after it.

`events` is not sharded: one order needs one place.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from kit.events.frames import RAW, event_documents
from kit.events.model import EVERY_STREAM, Event, event_of
from kit.mongo import ensure_indexes

EVENTS = "events"
_POSITIONS = "event_positions"
_POSITION_ID = "relay"
_DUPLICATE_KEY = 11000
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Collision(Exception):
    """Another relay took the number, or the change is already stored: read the store again."""


class Position(msgspec.Struct, frozen=True):
    """Where a relay goes on.

    Attributes:
        seq: the newest event that the place in the change stream covers.
        start: options of `$changeStream`: `{"resumeAfter": token}` or `{"startAtOperationTime": timestamp}`.
    """

    seq: int
    start: Mapping[str, Any]


class EventStore:
    """Reads and writes events.

    Args:
        database: the database of the service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._events: AsyncCollection[dict[str, Any]] = database.get_collection(EVENTS, codec_options=AWARE)
        self._committed = self._events.with_options(read_concern=ReadConcern("majority"))
        self._raw: AsyncCollection[Any] = database.get_collection(EVENTS, codec_options=RAW)
        self._positions = database[_POSITIONS]

    async def prepare(self) -> None:
        """Create the indexes."""
        await ensure_indexes(
            self._events,
            [
                IndexModel([("change.id", ASCENDING)], name="change_id", unique=True),
                IndexModel([("change.stream", ASCENDING), ("_id", ASCENDING)], name="stream_seq"),
                IndexModel(
                    [("change.topics", ASCENDING), ("_id", ASCENDING)],
                    name="topic_seq",
                    partialFilterExpression={"change.topics": {"$exists": True}},
                ),
            ],
        )

    async def append(
        self, after: int, changes: Sequence[bytes | memoryview], at: datetime, token: bytes | memoryview | None
    ) -> int:
        """Store the changes as the events after number `after`, the last one with `token`, and return its number.

        Raises:
            Collision: a number or a change is taken; events before it may have been stored, without the token.
        """
        try:
            await self._raw.insert_many(event_documents(after, changes, at, token), ordered=True)
        except BulkWriteError as error:
            failures = error.details.get("writeErrors") or [{}]
            if failures[0].get("code") == _DUPLICATE_KEY:
                raise Collision(failures[0].get("errmsg", "")) from error
            raise
        return after + len(changes)

    async def known(self, change_ids: Sequence[str]) -> set[str]:
        """Return those of `change_ids` that are stored."""
        found = self._events.find({"change.id": {"$in": list(change_ids)}}, {"_id": 0, "change.id": 1})
        return {document["change"]["id"] async for document in found}

    async def newest(self) -> int:
        """Return the number of the newest event, 0 when there is none."""
        return await _edge(self._events, DESCENDING)

    async def newest_committed(self, session: AsyncClientSession | None = None) -> int:
        """Return the number of the newest event that no failover can take back, 0 when there is none.

        Args:
            session: what it has seen is seen here too.
        """
        return await _edge(self._committed, DESCENDING, session)

    async def oldest(self) -> int:
        """Return the number of the oldest event that is kept, 0 when there is none."""
        return await _edge(self._events, ASCENDING)

    async def position(self) -> Position | None:
        """Return where a relay goes on, None when no relay has ever stored a place."""
        saved = await self._positions.find_one({"_id": _POSITION_ID})
        beyond = {"_id": {"$gt": 0 if saved is None else saved["seq"]}, "token": {"$exists": True}}
        marked = await self._events.find_one(beyond, {"token": 1}, sort=[("_id", DESCENDING)])
        if marked is not None:
            return Position(marked["_id"], {"resumeAfter": marked["token"]})
        return None if saved is None else Position(saved["seq"], saved["start"])

    async def save_first_position(self, position: Position) -> None:
        """Store a place unless there is one."""
        first = {"seq": position.seq, "start": position.start}
        with contextlib.suppress(DuplicateKeyError):
            await self._positions.update_one({"_id": _POSITION_ID}, {"$setOnInsert": first}, upsert=True)

    async def save_position(self, position: Position) -> None:
        """Store a place for a time without events; a place with a higher number stays."""
        # A relay that is behind finds no document to update, and its insert collides.
        with contextlib.suppress(DuplicateKeyError):
            await self._positions.update_one(
                {"_id": _POSITION_ID, "seq": {"$lte": position.seq}},
                {"$set": {"seq": position.seq, "start": position.start}},
                upsert=True,
            )

    async def page(self, streams: Collection[str] | None, after: int, up_to: int, limit: int) -> list[Event]:
        """Return up to `limit` events with `after` < seq <= `up_to` of any of the streams, or of all, in order."""
        span = {"_id": {"$gt": after, "$lte": up_to}}
        where: dict[str, Any] = span
        if streams is not None:
            of_stream = {"change.stream": {"$in": [*streams, EVERY_STREAM]}}
            where = {"$or": [{**of_stream, **span}, {"change.topics": {"$in": list(streams)}, **span}]}
        found = self._events.find(where, {"change": 1}, sort=[("_id", ASCENDING)], limit=limit, batch_size=limit + 1)
        return [event_of(document) async for document in found]

    async def trim(self, older_than: datetime, limit: int) -> int:
        """Remove up to `limit` of the oldest events, as far as they were stored before `older_than`.

        What is kept is always one unbroken run up to the newest event, which itself always stays: it holds the number
        to count on from. (A TTL index would promise neither.)
        """
        first = await self._events.find_one({}, {"at": 1}, sort=[("_id", ASCENDING)])
        if first is None or first["at"] >= older_than:
            return 0
        found = self._events.find({}, {"at": 1}, sort=[("_id", ASCENDING)], limit=limit + 1, batch_size=limit + 2)
        oldest = [document async for document in found]
        expired = list(itertools.takewhile(lambda document: document["at"] < older_than, oldest[:-1]))
        if not expired:
            return 0
        return (await self._events.delete_many({"_id": {"$lte": expired[-1]["_id"]}})).deleted_count


async def _edge(
    events: AsyncCollection[dict[str, Any]], direction: int, session: AsyncClientSession | None = None
) -> int:
    found = await events.find_one({}, {"_id": 1}, sort=[("_id", direction)], session=session)
    return 0 if found is None else int(found["_id"])
