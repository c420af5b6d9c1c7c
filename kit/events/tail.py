"""The tail: every process follows `events` once, while somebody subscribes, and fans them out in memory.

The process whose relay leads gets them from the relay, without the way through the database.

A subscriber first opens an inbox, then replays from the store what came before it, then takes from the inbox. A slow
one loses its inbox when it is full and replays again; so does everyone when the connection breaks. Nothing is lost,
nothing comes twice, and nothing grows without bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterator
from typing import Any, TypeVar

import structlog
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from kit.events.fanout import Fanout
from kit.events.feed import Feed, open_feed
from kit.events.model import AHEAD, GAP_TYPE, Event, Gap, event_of, gap_of
from kit.events.store import AWARE, EVENTS, EventStore
from kit.mongo import translated

_Read = TypeVar("_Read")

_MAX_BATCH = 500
_PAGE = 500
_PAUSE_SECONDS = 0.2
_PIPELINE: list[dict[str, Any]] = [
    {"$changeStream": {}},
    {"$match": {"operationType": "insert"}},
    {"$project": {"fullDocument._id": 1, "fullDocument.change": 1}},
]
_log = structlog.get_logger(__name__)


class EventTail:
    """Gives events to subscribers of this process.

    Args:
        database: the database of the service.
        buffer: how many events wait for a slow subscriber before it has to read them from the store.
        linger_seconds: how long the tail goes on after the last subscriber has left.
    """

    def __init__(
        self, database: AsyncDatabase[dict[str, Any]], *, buffer: int = 2000, linger_seconds: float = 10.0
    ) -> None:
        self._database = database
        self._store = EventStore(database)
        self._buffer = buffer
        self._linger_seconds = linger_seconds
        self._subscribers = 0
        self._following: asyncio.Task[None] | None = None
        self._fed = False
        self._ending: set[asyncio.Task[None]] = set()
        self._leaving: asyncio.TimerHandle | None = None
        self._fanout: Fanout | None = None
        self._connected = asyncio.Event()
        self._ended = False

    async def position(self) -> int:
        """Return the number of the newest event, 0 when there is none.

        Raises:
            Unavailable: MongoDB cannot be reached.
        """
        if self._fanout is not None:
            return self._fanout.newest
        async with translated():
            return await self._store.newest_committed()

    async def subscribe(
        self, streams: Collection[str] | None, after_seq: int | None
    ) -> AsyncGenerator[Event | Gap, None]:
        """Yield the events after number `after_seq`, first the stored ones, then each as it comes, until `end`.

        Close the generator (`contextlib.aclosing`) when no more is wanted.

        Args:
            streams: the streams to follow, None for all; an event that is part of several of them comes once.
            after_seq: the last event already known; None begins with the next event after the first step of the
                generator. Who must not miss what happens meanwhile asks for `position()` and passes that.

        Raises:
            Unavailable: `after_seq` is None and MongoDB cannot be reached.
        """
        with self._subscriber():
            cursor = await self.position() if after_seq is None else after_seq
            while (fanout := await self._current()) is not None:
                inbox = fanout.open(streams, self._buffer)
                try:
                    async for item in self._replay(streams, cursor, inbox.begins_after):
                        cursor = _cursor_after(item)
                        yield item
                    cursor = max(cursor, inbox.begins_after)
                    while (event := await inbox.take()) is not None:
                        if event.seq > cursor:
                            cursor = event.seq
                            yield _told(event)
                    cursor = max(cursor, inbox.complete_to)
                finally:
                    fanout.forget(inbox)

    @contextlib.contextmanager
    def fed(self, newest: int) -> Iterator[Fanout]:
        """Publish what the relay of this process stores, without the way through the database.

        Args:
            newest: the number of the newest event that is stored, where no failover can take it back.

        Yields:
            what takes the next event as soon as it is stored in the same way.
        """
        self._fed = True
        self._stop()
        try:
            with self._publishing(Fanout(newest)) as fanout:
                yield fanout
        finally:
            self._fed = False
            if self._subscribers:
                self._start()

    def end(self) -> None:
        """End every subscription, after what it has in hand: the process is about to stop."""
        self._ended = True
        self._connected.set()
        if self._fanout is not None:
            self._fanout.close()

    async def close(self) -> None:
        """Stop following; subscribers get nothing more."""
        if self._leaving is not None:
            self._leaving.cancel()
        self._stop()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _replay(self, streams: Collection[str] | None, cursor: int, up_to: int) -> AsyncIterator[Event | Gap]:
        """Yield what the store has after `cursor` up to `up_to`, and a gap for what it no longer has."""
        if cursor > up_to and cursor > await self._patiently(self._store.newest):
            yield Gap(up_to + 1, cursor, AHEAD)
            return
        while cursor < up_to:
            page = await self._patiently(functools.partial(self._store.page, streams, cursor, up_to, _PAGE))
            # Old events go in order: when the oldest is not beyond the cursor now, the page had no hole before.
            oldest = await self._patiently(self._store.oldest)
            if oldest > cursor + 1:
                yield Gap(cursor + 1, oldest - 1)
                cursor = oldest - 1
            for event in page:
                if event.seq > cursor:
                    yield _told(event)
            cursor = page[-1].seq if len(page) == _PAGE else up_to

    async def _current(self) -> Fanout | None:
        while self._fanout is None and not self._ended:
            await self._connected.wait()
        return None if self._ended else self._fanout

    @contextlib.contextmanager
    def _subscriber(self) -> Iterator[None]:
        self._subscribers += 1
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        self._start()
        try:
            yield
        finally:
            self._subscribers -= 1
            if not self._subscribers:
                self._leaving = asyncio.get_running_loop().call_later(self._linger_seconds, self._stop)

    def _start(self) -> None:
        if self._following is None and not self._fed:
            self._following = asyncio.create_task(self._follow())

    def _stop(self) -> None:
        task, self._following = self._following, None
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _follow(self) -> None:
        while True:
            try:
                await self._connection()
            except Exception as error:  # noqa: BLE001 - whatever broke it, subscribers wait for the next connection
                _log.warning("the event tail starts again", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _connection(self) -> None:
        async with open_feed(self._database, EVENTS, _PIPELINE, AWARE, max_batch=_MAX_BATCH) as feed:
            with self._publishing(Fanout(await self._store.newest_committed(feed.session))) as fanout:
                await _pump(feed, fanout)

    @contextlib.contextmanager
    def _publishing(self, fanout: Fanout) -> Iterator[Fanout]:
        self._fanout = fanout
        self._connected.set()
        try:
            yield fanout
        finally:
            if self._fanout is fanout:
                self._fanout = None
                self._connected.clear()
            fanout.close()

    async def _patiently(self, read: Callable[[], Awaitable[_Read]]) -> _Read:
        """Read from the store, again and again while MongoDB cannot be reached."""
        while True:
            try:
                return await read()
            except PyMongoError as error:
                _log.warning("events cannot be read", error=repr(error))
                await asyncio.sleep(_PAUSE_SECONDS)


async def _pump(feed: Feed[dict[str, Any]], fanout: Fanout) -> None:
    """Publish what is new, until something is missing."""
    while True:
        for document in (await feed.next()).documents:
            event = event_of(document["fullDocument"])
            if event.seq > fanout.newest + 1:
                raise RuntimeError(f"event {event.seq} followed {fanout.newest}")
            if event.seq > fanout.newest:
                fanout.publish(event)


def _told(event: Event) -> Event | Gap:
    return gap_of(event) if event.type == GAP_TYPE else event


def _cursor_after(item: Event | Gap) -> int:
    if isinstance(item, Event):
        return item.seq
    return item.from_seq - 1 if item.reason == AHEAD else item.to_seq
