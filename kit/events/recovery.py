"""What to do when the place in the change stream is lost, or was never stored.

The source documents still say what changed last. Every newest change that is not stored as an event is appended, after
an event of type `events.gap` that tells readers that changes in between may be missing. The scan reads one snapshot,
and the change stream begins with the first write after that snapshot: nothing is between the two.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from bson import encode
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure

from kit.events.frames import RAW
from kit.events.model import EVERY_STREAM, GAP_TYPE, change_document
from kit.events.store import EventStore, Position
from kit.ids import new_id

_PAGE = 1000
_NO_PLACE = "no place was stored"
# A collection or index was made a moment ago, or the snapshot has grown too old: a newer one can be read.
_SNAPSHOT_CODES = frozenset({239, 246})
_SNAPSHOT_ATTEMPTS = 20
_MOMENT_ATTEMPTS = 200
_MOMENT_PAUSE_SECONDS = 0.05
_SNAPSHOT_PAUSE_SECONDS = 0.05
_log = structlog.get_logger(__name__)


class Recovery:
    """Rebuilds the newest history from the source collections.

    Args:
        database: the database of the service.
        store: where events go.
        source_collections: the collections whose documents carry `change`.
    """

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], store: EventStore, source_collections: Sequence[str]
    ) -> None:
        self._database = database
        self._store = store
        self._collections = tuple(source_collections)

    async def begin(self) -> None:
        """Store the very first place, before there is anything to tell; does nothing at every later start."""
        if await self._store.position() is not None:
            return
        moment = await self._moment()
        for name in self._collections:
            if await self._database[name].find_one({"change.id": {"$type": "string"}}, {"_id": 1}) is not None:
                return
        await self._store.save_first_position(_after(moment, 0))

    async def recover(self, *, since: datetime, at: datetime, cause: str) -> Position:
        """Append what is missing, and return the stored place to go on from.

        A crash in the middle is harmless: the next attempt finds what this one stored.

        Args:
            since: changes made before were kept long enough; they are not told again.
            at: now.
            cause: why the place is lost, empty when none was ever stored.

        Raises:
            Collision: another relay is at work.
        """
        for attempt in itertools.count(1):
            # Whatever another relay appends after this number is noticed as a collision.
            newest = await self._store.newest()
            moment = await self._moment()
            try:
                newest = await self._fill(newest, moment, since, at, cause)
            except OperationFailure as error:
                if error.code not in _SNAPSHOT_CODES or attempt == _SNAPSHOT_ATTEMPTS:
                    raise
                await asyncio.sleep(_SNAPSHOT_PAUSE_SECONDS)
            else:
                break
        position = _after(moment, newest)
        await self._store.save_position(position)
        return position

    async def _fill(self, newest: int, moment: Timestamp, since: datetime, at: datetime, cause: str) -> int:
        gap = _gap(at, cause or _NO_PLACE)
        told = bool(cause)
        if told:
            newest = await self._store.append(newest, [gap], at, None)
        async for changes in self._scan(moment, since):
            known = await self._store.known([change["id"] for change in changes])
            missing = [change.raw for change in changes if change["id"] not in known]
            if missing:
                newest = await self._store.append(newest, missing if told else [gap, *missing], at, None)
                told = True
        if told:
            _log.error("event history has a gap", cause=cause or _NO_PLACE, newest_seq=newest)
        return newest

    async def _moment(self) -> Timestamp:
        async with self._database.client.start_session() as session:
            for _ in range(_MOMENT_ATTEMPTS):
                await self._database.command("ping", session=session)
                if session.operation_time is not None:
                    return session.operation_time
                # A replica set that is only just being made has no key yet to sign times with, and tells none.
                await asyncio.sleep(_MOMENT_PAUSE_SECONDS)
        raise RuntimeError("MongoDB told no operation time: events need a replica set")

    async def _scan(self, moment: Timestamp, since: datetime) -> AsyncIterator[list[RawBSONDocument]]:
        """Yield pages of the newest changes as they were at `moment`, the oldest first."""
        first, *others = self._collections
        select: list[dict[str, Any]] = [
            {"$match": {"change.id": {"$type": "string"}, "change.at": {"$gte": since}}},
            {"$replaceRoot": {"newRoot": "$change"}},
        ]
        unions = [{"$unionWith": {"coll": other, "pipeline": select}} for other in others]
        command = {
            "aggregate": first,
            "pipeline": [*select, *unions, {"$sort": {"at": 1, "version": 1}}],
            "cursor": {"batchSize": _PAGE},
            "allowDiskUse": True,
            "readConcern": {"level": "snapshot", "atClusterTime": moment},
        }
        page: list[RawBSONDocument] = []
        changes: AsyncIterator[Any] = await self._database.cursor_command(command, codec_options=RAW)
        async for change in changes:
            page.append(change)
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page


def _after(moment: Timestamp, seq: int) -> Position:
    return Position(seq, {"startAtOperationTime": Timestamp(moment.time, moment.inc + 1)})


def _gap(at: datetime, cause: str) -> bytes:
    identity = f"gap-{new_id()}"
    return encode(
        change_document(
            event_type=GAP_TYPE,
            stream=EVERY_STREAM,
            subject=identity,
            version=1,
            actor="relay",
            at=at,
            data={"cause": cause},
        )
    )
