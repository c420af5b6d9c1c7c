"""The relay: one process per service copies every change of the source collections into `events`, numbered.

A batch is whatever changed while the last one was written. The place in the change stream is stored by the same write
as the last event of a batch, so a relay that died anywhere goes on from what `events` itself says: it reads again at
most one batch, and leaves out the changes that are stored already, so that no number is burnt.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from bson import decode
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from kit.clock import Clock
from kit.errors import Unavailable
from kit.events.fanout import Fanout
from kit.events.feed import Feed, FeedClosed, HistoryLost, open_feed
from kit.events.frames import RAW, change_bytes, only_stream
from kit.events.model import event_of
from kit.events.recovery import Recovery
from kit.events.store import AWARE, Collision, EventStore, Position
from kit.leadership import Leadership
from kit.mongo import translated

if TYPE_CHECKING:
    from kit.events.tail import EventTail

RETENTION = timedelta(days=7)
_TRIM_SECONDS = 60.0
_TRIM_BATCH = 5000
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_WRITE_SECONDS = 60.0
_PACE_SECONDS_PER_CHANGE = 0.002
_LONGEST_PACE = 3  # times the shortest
_log = structlog.get_logger(__name__)


class EventRelay:
    """Copies changes into events, as long as it leads.

    Args:
        database: the database of the service.
        source_collections: the collections whose documents carry `change`.
        leadership: decides which process relays.
        clock: tells when an event is stored.
        retention: how long events are kept.
        max_batch: the most events in one write.
        pace_seconds: the least time between the starts of two batches; it grows with the batch, see `_pace`.
        await_seconds: how long one request waits for changes; new ones are delivered at once, see `Feed.next`.
        checkpoint_seconds: how often the place is stored while there are no events.
        on_batch: is told the number of events of every batch written, for metrics.
        tail: the tail of this process, which gets from here what it would otherwise read again.
    """

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        source_collections: Sequence[str],
        leadership: Leadership,
        clock: Clock,
        *,
        retention: timedelta = RETENTION,
        max_batch: int = 1000,
        pace_seconds: float = 0.02,
        await_seconds: float = 2.0,
        checkpoint_seconds: float = 10.0,
        on_batch: Callable[[int], None] = lambda _: None,
        tail: EventTail | None = None,
    ) -> None:
        self._database = database
        self._store = EventStore(database)
        self._recovery = Recovery(database, self._store, source_collections)
        self._collections = list(source_collections)
        self._leadership = leadership
        self._clock = clock
        self._retention = retention
        self._max_batch = max_batch
        self._pace_seconds = pace_seconds
        self._await_seconds = await_seconds
        self._checkpoint_seconds = checkpoint_seconds
        self._on_batch = on_batch
        self._tail = tail

    async def prepare(self) -> None:
        """Create the indexes and, at the first start, store the place that history begins from.

        Every process calls this before its service accepts the first write.

        Raises:
            Unavailable: MongoDB cannot be reached.
        """
        async with translated():
            await self._store.prepare()
            await self._recovery.begin()

    async def run(self) -> None:
        """Relay whenever this process leads, until cancelled. Engines may come and go meanwhile."""
        await self._leadership.run(self._lead)

    async def _lead(self) -> None:
        """Relay until another relay is seen at work; then the lease has to be looked at again."""
        trimming = asyncio.create_task(self._trim())
        try:
            await self._relay()
        finally:
            trimming.cancel()
            await asyncio.gather(trimming, return_exceptions=True)

    async def _relay(self) -> None:
        pause, cause = _FIRST_PAUSE_SECONDS, ""
        while True:
            started = time.monotonic()
            try:
                await self._session(cause)
            except Collision as error:
                _log.warning("the event relay collided", error=str(error))
                return
            except HistoryLost as error:
                cause = str(error)
                continue
            except (PyMongoError, Unavailable, TimeoutError, FeedClosed) as error:
                _log.warning("the event relay starts again", error=repr(error)[:200])
            cause = ""
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - started > _LONGEST_PAUSE_SECONDS else pause * 2
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_SECONDS))

    async def _session(self, cause: str) -> None:
        """Relay from the stored place on; `cause` says why there is none any more."""
        await self._store.prepare()  # the database may have been dropped meanwhile
        position = None if cause else await self._store.position()
        if position is None:
            now = self._clock.now()
            position = await self._recovery.recover(since=now - self._retention, at=now, cause=cause)
        seq = max(position.seq, await self._store.newest())
        pipeline = _pipeline(position.start, self._database.name, self._collections)
        async with open_feed(
            self._database, None, pipeline, RAW, await_seconds=self._await_seconds, max_batch=self._max_batch
        ) as feed:
            with _Telling(self._tail) as telling:
                await self._copy(feed, seq, telling)

    async def _copy(self, feed: Feed[RawBSONDocument], seq: int, telling: _Telling) -> None:
        # What a predecessor stored comes first in the stream; after a batch without any of it there is no more.
        careful = True
        checkpoint_at = time.monotonic() + self._checkpoint_seconds
        while True:
            batch = await feed.next()
            came_at = time.monotonic()
            changes = [change_bytes(document) for document in batch.documents]
            if careful and changes:
                unknown = await self._unknown(changes)
                careful = len(unknown) < len(changes)
                changes = unknown
            if changes:
                async with asyncio.timeout(_WRITE_SECONDS):
                    seq = await self._store.append(seq, changes, self._clock.now(), batch.token.raw)
                telling.tell(seq, changes)
                self._on_batch(len(changes))
                await asyncio.sleep(max(0.0, self._pace(len(changes)) - (time.monotonic() - came_at)))
            elif time.monotonic() >= checkpoint_at:
                # Without events the place still has to move on, or the oplog would leave it behind: others fill it too.
                await self._store.save_position(Position(seq, {"resumeAfter": batch.token}))
                checkpoint_at = time.monotonic() + self._checkpoint_seconds

    def _pace(self, changes: int) -> float:
        # The first change after a pause travels at once, a stream of them in fuller batches, the fuller the more
        # there are: each batch is a flush of the journal, which the writes that make the changes have to wait for.
        return min(self._pace_seconds + changes * _PACE_SECONDS_PER_CHANGE, self._pace_seconds * _LONGEST_PACE)

    async def _unknown(self, changes: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
        by_id = {RawBSONDocument(change, RAW)["id"]: change for change in changes}
        known = await self._store.known(list(by_id))
        return [change for change_id, change in by_id.items() if change_id not in known]

    async def _trim(self) -> None:
        while True:
            removed = 0
            try:
                removed = await self._store.trim(self._clock.now() - self._retention, _TRIM_BATCH)
            except (PyMongoError, Unavailable) as error:
                _log.warning("old events could not be removed", error=repr(error))
            if removed < _TRIM_BATCH:
                await asyncio.sleep(_TRIM_SECONDS)


class _Telling:
    """Tells the tail of this process what is stored, from the first batch on: then all before it is committed too."""

    def __init__(self, tail: EventTail | None) -> None:
        self._tail = tail
        self._fanout: Fanout | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Telling:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tell(self, newest: int, changes: Sequence[bytes | memoryview]) -> None:
        """Publish changes that are stored; `newest` is the number of the last one."""
        if self._tail is None:
            return
        if self._fanout is None:
            self._fanout = self._stack.enter_context(self._tail.fed(newest))
            return
        for seq, change in enumerate(changes, newest - len(changes) + 1):
            # Most events are of streams that nobody follows now: those need not be decoded.
            stream = only_stream(change)
            if stream is None or self._fanout.wants(stream):
                self._fanout.publish(event_of({"_id": seq, "change": decode(change, AWARE)}))
            else:
                self._fanout.pass_over(seq)


def _pipeline(start: Mapping[str, Any], database: str, collections: list[str]) -> list[dict[str, Any]]:
    # MongoDB looks for whole names of collections in its log, and would match parts of names by regular expressions.
    sources = [{"db": database, "coll": collection} for collection in collections]
    change = {"$ifNull": ["$fullDocument.change", "$updateDescription.updatedFields.change"]}
    return [
        {"$changeStream": dict(start)},
        {"$match": {"ns": {"$in": sources}}},
        {"$project": {"change": change}},
        {"$match": {"change.id": {"$type": "string"}}},
    ]
