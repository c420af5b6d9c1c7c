"""Reads the events of the market in order, from a durable place, and hands each to whoever needs it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import msgspec
import structlog
from piecework.tasks.v1 import events_pb2 as pb
from piecework.tasks.v1 import events_pb2_grpc as rpc

from kit.caller import service_caller
from kit.channels import UnknownPeer
from kit.clock import Clock, SystemClock
from kit.errors import Unavailable
from kit.timestamps import from_timestamp
from services.agents.feed.model import MarketEvent
from services.agents.feed.store import CursorStore

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

    from kit.channels import Channels, Outgoing
    from kit.mongo import Document
    from services.agents.feed.metrics import FeedMetrics

_AGENTS = service_caller("agents")
_STREAM = "market"
_ATTEMPTS = 5
_log = structlog.get_logger(__name__)


class Follower:
    """Calls a handler with every event of the market, in order and at least once.

    One replica runs it (`kit.leadership`). After a crash the last second comes again: the handler must do nothing with
    an event whose effect it has already had; `MarketEvent.id` tells. When the handler raises `Unavailable`, the event
    is handed to it again until it succeeds. When it keeps raising anything else, the event is set aside in the
    collection `feed_skipped`, so that one bad event does not stop all others.

    Args:
        name: under which its place is kept, unique among followers.
        channels: the way to the tasks service.
        outgoing: signs calls.
        database: where its place is kept, in the collection `feed_cursors`.
        handle: what to do with an event.
        metrics: counts, if wanted; all followers of a process share them.
        clock: the time.
        save_seconds: how often the place is written while events come.
        pause_seconds: the first pause after a failure; it doubles up to `longest_pause_seconds`.
        longest_pause_seconds: the longest pause.
        quiet_seconds: how long the tasks service may be away at the beginning before the log says so.
    """

    def __init__(
        self,
        name: str,
        channels: Channels,
        outgoing: Outgoing,
        database: AsyncDatabase[Document],
        handle: Callable[[MarketEvent], Awaitable[None]],
        *,
        metrics: FeedMetrics | None = None,
        clock: Clock | None = None,
        save_seconds: float = 0.5,
        pause_seconds: float = 0.2,
        longest_pause_seconds: float = 10.0,
        quiet_seconds: float = 10.0,
    ) -> None:
        self._name = name
        self._channels = channels
        self._outgoing = outgoing
        self._store = CursorStore(database)
        self._handle = handle
        self._metrics = metrics
        self._clock: Clock = clock or SystemClock()
        self._save_seconds = save_seconds
        self._pause_seconds = pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._quiet_seconds = quiet_seconds
        self._quiet_until = 0.0
        self._cursor = 0
        self._began = False
        self._unsaved = asyncio.Event()

    async def run(self) -> None:
        """Follow for ever."""
        self._cursor, self._began = 0, False
        self._unsaved.clear()
        self._quiet_until = time.monotonic() + self._quiet_seconds
        saving = asyncio.create_task(self._save_now_and_then())
        try:
            await self._follow()
        finally:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            await self._save()

    async def _follow(self) -> None:
        pause = self._pause_seconds
        while True:
            before = self._cursor
            try:
                await self._read()
            except grpc.aio.AioRpcError as error:
                self._tell(error.code())
            except UnknownPeer as error:
                _log.warning("the market cannot be followed", follower=self._name, problem=str(error))
            except Unavailable as error:
                _log.warning("a follower has to wait", follower=self._name, problem=error.message)
            if self._cursor != before:
                pause = self._pause_seconds
            # Followers of many processes must not come back in the same instant.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(pause * 2, self._longest_pause_seconds)

    def _tell(self, code: grpc.StatusCode) -> None:
        # Services start beside each other: that one is not there yet is no trouble.
        if code is not grpc.StatusCode.UNAVAILABLE or time.monotonic() >= self._quiet_until:
            _log.warning("the market cannot be followed now", follower=self._name, code=code.name)

    async def _read(self) -> None:
        if not self._began:
            kept = await self._store.load(self._name)
            self._cursor, self._began = kept or 0, kept is not None
        async with self._watch() as messages:
            async for message in messages:
                self._quiet_until = 0.0
                if message.HasField("event"):
                    await self._take(_event_of(message.event))
                elif message.HasField("gap"):
                    await self._skip(message.gap)

    @contextlib.asynccontextmanager
    async def _watch(self) -> AsyncIterator[AsyncIterator[pb.WatchResponse]]:
        stub: rpc.EventServiceAsyncStub = rpc.EventServiceStub(self._channels.get("tasks"))
        request = pb.WatchRequest(stream=_STREAM, after_seq=self._cursor)
        call = stub.Watch(request, **self._outgoing(_AGENTS, timeout=None))
        try:
            yield call.__aiter__()
        finally:
            call.cancel()

    async def _take(self, event: MarketEvent) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._handle(event)
                break
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the events after it have to come
                _log.exception("an event cannot be handled", follower=self._name, event_id=event.id, attempt=attempt)
                if attempt == _ATTEMPTS:
                    await self._store.set_aside(self._name, event, repr(error), self._clock.now())
                    self._count("skipped")
                else:
                    await asyncio.sleep(self._pause_seconds * attempt)
        self._move(event.seq)
        self._count("handled")

    async def _skip(self, gap: pb.Gap) -> None:
        if gap.from_seq <= self._cursor:
            # The place belongs to a history that is no more, after a restore: what is left of it was handled before.
            _log.warning("the events begin anew", follower=self._name, seq=gap.from_seq, cursor=self._cursor)
            self._cursor = gap.from_seq - 1
            self._unsaved.clear()
            await self._store.rewind(self._name, self._cursor)
        elif self._began:
            _log.warning("events are missing", follower=self._name, first=gap.from_seq, last=gap.to_seq)
            self._move(gap.to_seq)
        else:
            # Who begins has not missed what was removed before.
            self._move(gap.to_seq)
            return
        self._count("gaps")

    def _move(self, seq: int) -> None:
        self._cursor, self._began = max(self._cursor, seq), True
        self._unsaved.set()
        if self._metrics is not None:
            self._metrics.position.labels(self._name).set(self._cursor)

    def _count(self, what: str) -> None:
        if self._metrics is not None:
            getattr(self._metrics, what).labels(self._name).inc()

    async def _save_now_and_then(self) -> None:
        while True:
            await self._unsaved.wait()
            await self._save()
            await asyncio.sleep(self._save_seconds)

    async def _save(self) -> None:
        if not self._unsaved.is_set():
            return
        self._unsaved.clear()
        written = False
        try:
            await self._store.advance(self._name, self._cursor)
            written = True
        except Unavailable as error:
            _log.warning("the place of a follower is not written", follower=self._name, problem=error.message)
        finally:
            # Also when it is cancelled on the way: whoever ends this writes the place once more.
            if not written:
                self._unsaved.set()


def _event_of(event: pb.Event) -> MarketEvent:
    return MarketEvent(
        seq=event.seq,
        id=event.id,
        type=event.type,
        subject=event.subject,
        version=event.version,
        actor=event.actor,
        at=from_timestamp(event.at),
        data=msgspec.json.decode(event.data_json) if event.data_json else {},
    )
