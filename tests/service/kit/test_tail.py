from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import encode

from kit.engines import MongodEngine
from kit.events.fanout import Fanout
from kit.events.model import AHEAD, EVERY_STREAM, EXPIRED, GAP_TYPE, HISTORY_LOST, Event, Gap, change_document
from kit.events.store import EventStore
from kit.events.tail import EventTail
from tests.conditions import come_true
from tests.service.kit.event_source import Database, Source, make_relay, own_connection, running, take

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def append(database: Database, count: int, stream: str = "s", **fields: Any) -> int:
    """Store `count` events as a relay would, and return the number of the last one."""
    store = EventStore(database)
    newest = await store.newest()
    changes = [
        encode(
            change_document(
                **{
                    "event_type": "t",
                    "stream": stream,
                    "subject": f"{stream}-{newest + i}",
                    "version": 1,
                    "actor": "a",
                    "at": AT,
                    "data": {"i": i},
                    **fields,
                }
            )
        )
        for i in range(1, count + 1)
    ]
    return await store.append(newest, changes, AT, None)


def numbers(items: list[Event | Gap]) -> list[int]:
    return [item.seq for item in items if isinstance(item, Event)]


async def test_an_event_comes_as_it_was_written(database: Database) -> None:
    await append(database, 1)
    async with aclosing(EventTail(database).subscribe(None, 0)) as events:
        assert await anext(events) == Event(1, "s-1:1", "t", "s", "s-1", 1, "a", AT, {"i": 1})


async def test_a_reader_gets_what_is_stored_and_then_what_comes(database: Database) -> None:
    await EventStore(database).prepare()
    await append(database, 700)
    async with aclosing(EventTail(database).subscribe(None, 20)) as events:
        assert numbers(await take(events, 680)) == list(range(21, 701))
        await append(database, 3)
        assert numbers(await take(events, 3)) == [701, 702, 703]


async def test_a_reader_of_one_stream_gets_only_that(database: Database) -> None:
    tail = EventTail(database)
    for stream in ("a", "b", "a", "b"):
        await append(database, 1, stream)
    async with aclosing(tail.subscribe(["b"], 0)) as events:
        assert numbers(await take(events, 2)) == [2, 4]
        for stream in ("a", "b", "a", "b"):
            await append(database, 1, stream)
        assert numbers(await take(events, 2)) == [6, 8]


async def test_a_reader_of_several_topics_gets_each_event_of_any_of_them_once(database: Database) -> None:
    store, tail = EventStore(database), EventTail(database)
    await store.prepare()
    topics = (["x"], ["y"], [], ["x", "y"], ["z"])

    async def append_each() -> None:
        newest = await store.newest()
        for number, names in enumerate(topics, newest + 1):
            change = change_document(
                event_type="t", stream="m", subject=str(number), version=1, actor="a", at=AT, data={}, topics=names
            )
            await store.append(number - 1, [encode(change)], AT, None)

    await append_each()
    async with aclosing(tail.subscribe(["x", "y"], 0)) as both, aclosing(tail.subscribe(["m"], 0)) as all_of_them:
        assert numbers(await take(both, 3)) == [1, 2, 4]
        await append_each()
        assert numbers(await take(both, 3)) == [6, 7, 9]
        assert numbers(await take(all_of_them, 10)) == list(range(1, 11))


async def test_from_now_begins_with_the_next_event(database: Database) -> None:
    tail = EventTail(database)
    assert await tail.position() == 0
    await append(database, 5)
    assert await tail.position() == 5
    async with aclosing(tail.subscribe(None, None)) as events, aclosing(tail.subscribe(None, 5)) as watcher:
        first = asyncio.ensure_future(anext(events))
        async with aclosing(tail.subscribe(None, 4)) as ready:
            await anext(ready)  # the tail follows now
        await append(database, 1)
        assert numbers([await first, await anext(watcher)]) == [6, 6]
        assert await tail.position() == 6


async def test_readers_that_join_at_any_time_see_no_seam(database: Database) -> None:
    tail = EventTail(database, buffer=50)
    source = Source(database)

    async def read(after: int) -> None:
        async with aclosing(tail.subscribe(None, after)) as events:
            assert numbers(await take(events, 600 - after)) == list(range(after + 1, 601))

    async def read_one(writer: int) -> None:
        expected = [f"{writer}-{subject}:{version}" for version in range(1, 16) for subject in range(10)]
        async with aclosing(tail.subscribe([f"project:{writer}"], 0)) as events:
            assert [item.id for item in await take(events, 150) if isinstance(item, Event)] == expected

    async with running(make_relay(database, max_batch=20)):
        readers = [asyncio.create_task(read_one(writer)) for writer in range(4)]
        writing = asyncio.create_task(source.churn(writers=4, subjects=10, versions=15))
        for count in range(0, 600, 25):
            await source.written(count)
            readers.append(asyncio.create_task(read(await tail.position() * 7 // 8)))
        await asyncio.gather(writing, *readers)


async def test_a_slow_reader_falls_back_to_the_store(database: Database) -> None:
    await EventStore(database).prepare()
    tail = EventTail(database, buffer=5)
    async with aclosing(tail.subscribe(None, 0)) as slow, aclosing(tail.subscribe(["s"], 0)) as quick:
        await append(database, 1)
        assert numbers([await anext(slow)]) == [1]
        for _ in range(10):
            await append(database, 10)
            await append(database, 1, "other")
        async with aclosing(tail.subscribe(["other"], 110)) as last:
            await anext(last)  # the tail has seen them all, and the slow one has not asked
        assert numbers(await take(slow, 110)) == list(range(2, 112))
        assert numbers(await take(quick, 101)) == [n for n in range(1, 112) if n == 1 or (n - 1) % 11]
        await append(database, 1)
        assert numbers([await anext(slow), await anext(quick)]) == [112, 112]


async def test_a_cursor_that_has_expired_gets_a_gap(database: Database) -> None:
    await append(database, 10)
    await database["events"].delete_many({"_id": {"$lte": 6}})
    tail = EventTail(database)
    async with aclosing(tail.subscribe(["s"], 2)) as events:
        assert await anext(events) == Gap(3, 6, EXPIRED)
        assert numbers(await take(events, 4)) == [7, 8, 9, 10]
    async with aclosing(tail.subscribe(["s"], 6)) as events:
        assert numbers([await anext(events)]) == [7]


async def test_a_cursor_of_another_history_gets_a_gap_and_goes_on(database: Database) -> None:
    await append(database, 2)
    async with aclosing(EventTail(database).subscribe(None, 90)) as events:
        assert await anext(events) == Gap(3, 90, AHEAD)
        await append(database, 1)
        assert numbers([await anext(events)]) == [3]


async def test_a_gap_in_the_history_is_told_to_the_readers_of_every_stream(database: Database) -> None:
    tail = EventTail(database)
    await append(database, 1, EVERY_STREAM, event_type=GAP_TYPE)
    async with aclosing(tail.subscribe(["s"], 0)) as events:
        assert await anext(events) == Gap(1, 1, HISTORY_LOST)
        await append(database, 1)
        await append(database, 1, EVERY_STREAM, event_type=GAP_TYPE)
        assert (await take(events, 2))[1] == Gap(3, 3, HISTORY_LOST)


async def test_nobody_is_followed_when_nobody_reads(database: Database) -> None:
    async def followed() -> bool:
        admin = database.client.admin
        operations = await admin.aggregate([{"$currentOp": {"idleCursors": True, "allUsers": True}}])
        # A cursor that was killed while it waited stays in sight until its waiting time is over.
        names = [o.get("ns") async for o in operations if o.get("cursor") and not o.get("killPending")]
        return f"{database.name}.events" in names

    async def abandoned() -> bool:
        return not await followed()

    await append(database, 1)
    tail = EventTail(database, linger_seconds=0)
    assert not await followed()
    async with aclosing(tail.subscribe(None, 0)) as events:
        await anext(events)
        assert await followed()
    await come_true(abandoned)
    async with aclosing(tail.subscribe(None, 0)) as events:
        assert numbers([await anext(events)]) == [1]
    await tail.close()


async def test_a_process_that_stops_ends_the_streams_of_all_readers(database: Database) -> None:
    await append(database, 3)
    tail = EventTail(database)
    reading, late = tail.subscribe(None, 0), tail.subscribe(None, 0)
    assert numbers(await take(reading, 3)) == [1, 2, 3]
    waiting = asyncio.ensure_future(anext(reading, None))
    await asyncio.sleep(0)
    tail.end()
    async with asyncio.timeout(10):
        assert await waiting is None
        assert await anext(late, None) is None
    await tail.close()


async def test_readers_that_wait_for_a_connection_are_ended_too(database: Database) -> None:
    tail = EventTail(database)
    waiting = asyncio.ensure_future(anext(tail.subscribe(None, 0), None))
    await asyncio.sleep(0)
    tail.end()
    async with asyncio.timeout(10):
        assert await waiting is None
    await tail.close()


async def test_mongod_killed_under_readers(engine_directory: Path) -> None:
    engine = MongodEngine(engine_directory)
    await engine.start()
    try:
        async with own_connection(engine.uri, "killed") as database:
            source = Source(database)
            tail = EventTail(database)

            async def read(after: int) -> None:
                async with aclosing(tail.subscribe(None, after)) as events:
                    assert numbers(await take(events, 800 - after)) == list(range(after + 1, 801))

            async with running(make_relay(database)):
                writing = asyncio.create_task(source.churn(writers=4, subjects=10, versions=20))
                reading = asyncio.gather(read(0), read(0), read(await tail.position()))
                for count in (150, 400, 650):
                    await source.written(count)
                    await engine.kill()
                    await engine.start()
                await asyncio.gather(writing, reading)
            await tail.close()
    finally:
        await engine.kill()


@pytest.mark.parametrize(
    ("streams", "wanted"), [(None, [1, 2, 3]), (["a"], [1, 3]), (["a", "t"], [1, 2, 3]), (["c"], [])]
)
async def test_an_inbox_ends_where_it_is_complete(streams: list[str] | None, wanted: list[int]) -> None:
    fanout = Fanout(0)
    inbox = fanout.open(streams, limit=10)
    for seq, name in enumerate("aba", 1):
        fanout.publish(Event(seq, str(seq), "t", name, str(seq), 1, "a", AT, {}, ("t",)))
    fanout.close()
    taken = []
    while (event := await inbox.take()) is not None:
        taken.append(event.seq)
    assert taken == wanted
    assert inbox.complete_to == 3


async def test_an_inbox_that_is_full_keeps_what_it_has() -> None:
    fanout = Fanout(0)
    inbox = fanout.open(["a"], limit=2)
    for seq in range(1, 6):
        fanout.publish(Event(seq, str(seq), "t", "b" if seq == 3 else "a", str(seq), 1, "a", AT, {}))
    assert [(await inbox.take()).seq for _ in range(2)] == [1, 2]
    assert await inbox.take() is None
    assert inbox.complete_to == 3
