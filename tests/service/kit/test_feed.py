"""How a change stream is read: patiently, and now and then only while others write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from kit import mongo
from kit.events.feed import Feed, open_feed
from kit.events.tail import EventTail
from tests.conditions import come_true
from tests.service.kit.event_source import Database, Source, make_relay, running, take

_STREAM: list[dict[str, Any]] = [{"$changeStream": {}}, {"$match": {"ns.coll": "watched"}}]
_PLAIN: CodecOptions[dict[str, Any]] = CodecOptions()
_PATIENT_MS = 400


class Requests(CommandListener):
    """How long MongoDB was asked to wait for changes, in milliseconds, request by request."""

    def __init__(self) -> None:
        self.waits: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "getMore":
            self.waits.append(event.command["maxTimeMS"])

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Only what is asked for counts."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Only what is asked for counts."""


@asynccontextmanager
async def observed(uri: str, name: str) -> AsyncIterator[tuple[Database, Requests]]:
    """A connection whose requests for changes are noted."""
    requests = Requests()
    client = mongo.connect(uri, app_name="tests-feed", listeners=[requests])
    try:
        yield client[name], requests
    finally:
        await client.close()


@asynccontextmanager
async def reading(feed: Feed[dict[str, Any]]) -> AsyncIterator[list[dict[str, Any]]]:
    """Read the feed on; yields what has come so far."""
    documents: list[dict[str, Any]] = []

    async def read() -> None:
        while True:
            documents.extend((await feed.next()).documents)

    task = asyncio.create_task(read())
    try:
        yield documents
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def others_writing(database: Database) -> AsyncIterator[None]:
    """Writes all the time, to another database than the one that is watched."""

    async def write() -> None:
        while True:
            await database.client[f"{database.name}-other"]["any"].insert_one({})

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_feed_waits_at_the_server_unless_only_others_write(database: Database, mongodb_uri: str) -> None:
    await database["watched"].insert_one({"_id": 0})

    async with (
        observed(mongodb_uri, database.name) as (connection, requests),
        open_feed(connection, None, _STREAM, _PLAIN, await_seconds=_PATIENT_MS / 1000) as feed,
        reading(feed) as documents,
    ):

        async def waits(milliseconds: int) -> bool:
            return requests.waits[-1:] == [milliseconds]

        await come_true(lambda: waits(_PATIENT_MS))
        async with others_writing(database):
            await come_true(lambda: waits(1))
            await database["watched"].insert_one({"_id": 1})
            await come_true(lambda: came(documents, 1))
        await come_true(lambda: waits(_PATIENT_MS))
        await database["watched"].insert_one({"_id": 2})
        await come_true(lambda: came(documents, 2))
    assert [document["documentKey"]["_id"] for document in documents] == [1, 2]


async def test_a_place_moves_on_while_only_others_write(database: Database) -> None:
    await database["watched"].insert_one({"_id": 0})
    async with open_feed(database, None, _STREAM, _PLAIN, await_seconds=_PATIENT_MS / 1000) as feed:
        first = await feed.next()
        async with others_writing(database), asyncio.timeout(60):
            while (batch := await feed.next()).token == first.token:
                assert not batch.documents


async def test_events_come_while_others_write(database: Database) -> None:
    source, tail = Source(database), EventTail(database)
    async with others_writing(database), running(make_relay(database)), aclosing(tail.subscribe(None, 0)) as events:
        await source.churn(writers=2, subjects=5, versions=5)
        assert len(await take(events, 50)) == 50
    await tail.close()


async def came(documents: list[dict[str, Any]], count: int) -> bool:
    return len(documents) >= count
