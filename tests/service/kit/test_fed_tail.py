"""A tail in the process of the relay: it is told what is stored, and nothing is lost when that begins or ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from typing import Any

from kit.events.model import Event, Gap
from kit.events.tail import EventTail
from tests.conditions import come_true
from tests.service.kit.event_source import Database, Source, make_relay, running, take


async def follows(database: Database) -> bool:
    """Tell whether somebody reads a change stream on the events of `database`."""
    opened = {"cursor.originatingCommand.pipeline.$changeStream": {"$exists": True}}
    pipeline: list[dict[str, Any]] = [
        {"$currentOp": {"idleCursors": True, "allUsers": True}},
        {"$match": {"ns": f"{database.name}.events", **opened}},
    ]
    return bool(await (await database.client.admin.aggregate(pipeline)).to_list())


async def follows_no_more(database: Database) -> bool:
    return not await follows(database)


def told(events: list[Event | Gap]) -> list[tuple[int, str]]:
    return [(event.seq, event.id) for event in events if isinstance(event, Event)]


def expected(subject: str, count: int) -> list[tuple[int, str]]:
    return [(number, f"{subject}:{number}") for number in range(1, count + 1)]


async def test_the_relay_feeds_the_tail_of_its_process(database: Database) -> None:
    source, tail = Source(database), EventTail(database)
    async with aclosing(tail.subscribe(None, 0)) as events, asyncio.timeout(30):
        reading = asyncio.create_task(take(events, 51))
        await come_true(lambda: follows(database))
        async with running(make_relay(database, tail=tail)):
            await source.change("a-1")
            await come_true(lambda: follows_no_more(database))
            for number in range(50):
                await source.change("a-1", number=number)
            seen = await reading
            assert await follows_no_more(database)
        await come_true(lambda: follows(database))
    assert told(seen) == expected("a-1", 51)
    last = seen[-1]
    assert isinstance(last, Event)
    assert (last.data, last.at.tzinfo is not None) == ({"number": 49}, True)
    await tail.close()


async def test_what_nobody_reads_is_counted_and_what_somebody_reads_is_told(database: Database) -> None:
    source, tail = Source(database), EventTail(database)

    async def churn() -> None:
        for subject in ("a-1", "b-1", "c-1"):
            await source.change(subject)

    async with running(make_relay(database, tail=tail)), asyncio.timeout(30):
        await churn()
        await come_true(lambda: stored_so_far(database, 3))
        reader, idler = tail.subscribe(["project:b"], 3), tail.subscribe(["project:x"], 3)
        async with aclosing(reader) as one, aclosing(idler) as none:
            reading, waiting = asyncio.create_task(take(one, 2)), asyncio.create_task(take(none, 1))
            await churn()
            await churn()
            assert told(await reading) == [(5, "b-1:2"), (8, "b-1:3")]
            await come_true(lambda: counted(tail, 9))
            await source.change("x-1")
            assert told(await waiting) == [(10, "x-1:1")]
        await churn()
        await come_true(lambda: counted(tail, 13))
    await tail.close()


async def counted(tail: EventTail, newest: int) -> bool:
    return await tail.position() == newest


async def test_readers_go_on_when_relays_come_and_go(database: Database) -> None:
    source, tail = Source(database), EventTail(database, buffer=5)
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(aclosing(tail.subscribe(streams, 0))) for streams in (None, ["project:a"])
        ]
        reading = [asyncio.create_task(take(reader, 120)) for reader in readers]
        for turn in range(4):
            # Every other relay is one of another process: the tail has to read what that one stores.
            here = turn % 2 == 0
            async with running(make_relay(database, holder=str(turn), tail=tail if here else None)):
                for _ in range(30):
                    await source.change("a-1")
                async with asyncio.timeout(20):
                    await come_true(lambda: stored_so_far(database, 30 * (turn + 1)))  # noqa: B023 - awaited at once
        async with asyncio.timeout(30):
            for seen in await asyncio.gather(*reading):
                assert told(seen) == expected("a-1", 120)
    await tail.close()


async def stored_so_far(database: Database, count: int) -> bool:
    return await database["events"].count_documents({}) >= count


async def test_many_writers_and_slow_readers(database: Database) -> None:
    source, tail = Source(database), EventTail(database, buffer=10)

    async def read(streams: list[str] | None, count: int) -> list[Event | Gap]:
        async with aclosing(tail.subscribe(streams, 0)) as events:
            return await take(events, count)

    async with running(make_relay(database, tail=tail)), asyncio.timeout(60):
        everything, one = asyncio.create_task(read(None, 400)), asyncio.create_task(read(["project:3"], 50))
        await source.churn(8, 10, 5)
        events = told(await everything)
        assert [seq for seq, _ in events] == list(range(1, 401))
        assert {event_id for _, event_id in events} == source.changes
        assert len(told(await one)) == 50
    await tail.close()


async def test_a_tail_that_ends_ends_its_readers_also_when_it_is_fed(database: Database) -> None:
    source, tail = Source(database), EventTail(database)
    async with running(make_relay(database, tail=tail)), aclosing(tail.subscribe(None, 0)) as events:
        await source.change("a-1")
        await take(events, 1)
        async with asyncio.timeout(20):
            await come_true(lambda: follows_no_more(database))
            tail.end()
            assert [event async for event in events] == []
    await tail.close()
