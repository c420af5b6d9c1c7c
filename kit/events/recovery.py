"""What to do when the place in the change stream is lost, or was never stored.

The source documents still say what changed last. Every newest change that is not stored as an event is appended, after
an event of type `events.gap` that tells readers that changes in between may be missing. The scan reads one snapshot,
and the change stream begins with the first write after that snapshot: nothing is between the two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from bson import encode
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.asynchronous.database import AsyncDatabase

from kit.events.frames import RAW
from kit.events.model import EVERY_STREAM, GAP_TYPE, change_document
from kit.events.store import EventStore, Position
from kit.ids import new_id

_PAGE = 1000
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

    async def recover(self, *, since: datetime, at: datetime, cause: str) -> Position:
        """Append what is missing, and return the stored place to go on from.

        A crash in the middle is harmless: the next attempt finds what this one stored.

        Args:
            since: changes made before were kept long enough; they are not told again.
            at: now.
            cause: why the place is lost, empty when this may be the very first start.

        Raises:
            Collision: another relay is at work.
        """
        async with self._database.client.start_session() as session:
            await self._database.command("ping", session=session)
            moment = session.operation_time
        if moment is None:
            raise RuntimeError("MongoDB told no operation time: events need a replica set")
        newest = await self._store.newest()
        gap = _gap(at, cause or "no place was stored")
        told = False
        if cause:
            newest, told = await self._store.append(newest, [gap], at, None), True
        async for changes in self._scan(moment, since):
            known = await self._store.known([change["id"] for change in changes])
            missing = [change.raw for change in changes if change["id"] not in known]
            if missing:
                newest = await self._store.append(newest, missing if told else [gap, *missing], at, None)
                told = True
        if told:
            _log.error("event history has a gap", cause=cause or "no place was stored", newest_seq=newest)
        position = Position(newest, {"startAtOperationTime": Timestamp(moment.time, moment.inc + 1)})
        await self._store.save_position(position)
        return position

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
