from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import Int64

from kit.clock import ManualClock, SystemClock
from kit.engines import MongodEngine
from kit.events.frames import RAW
from kit.events.model import GAP_TYPE
from kit.events.store import EventStore, Position
from kit.leadership import Leadership
from tests.conditions import come_true
from tests.service.kit.event_source import (
    Database,
    Source,
    assert_told_once,
    make_relay,
    own_connection,
    running,
    stored,
    wait_for_events,
)


async def test_every_way_to_write_a_change_becomes_one_event(database: Database) -> None:
    data: dict[str, Any] = {"n": Int64(2**40), "nested": {"list": [1, {"a": None}]}, "text": "é" * 3000}
    source = Source(database)
    async with running(make_relay(database)):
        await source.change("a-1", **data)
        await source.change("a-1", **data)
        await database["tasks"].update_one({"_id": "a-1"}, {"$set": {"lease": 1}})  # nobody has to know
        document = await database["tasks"].find_one({"_id": "a-1"})
        assert document is not None
        document["change"] = {**document["change"], "id": "a-1:3", "version": 3}
        await database["tasks"].replace_one({"_id": "a-1"}, document)
        await database["unrelated"].insert_one({"change": {"id": "x:1"}})
        await database.client[f"{database.name}-other"]["tasks"].insert_one({"change": {"id": "y:1"}})
        await database["tasks"].insert_one({"_id": "gone"})
        await database["tasks"].delete_one({"_id": "gone"})
        await source.change("b-1", "projects")
        events = await wait_for_events(database, 4)
    source.versions["a-1"] = 3
    assert_told_once(events, source)
    assert events[2]["change"] == document["change"]
    assert type(events[0]["_id"]) is Int64


async def test_an_update_is_logged_with_its_whole_change(database: Database) -> None:
    source = Source(database)
    await source.change("a-1", kept=1, nested={"same": 1, "other": 2})
    async with await database.watch() as stream:
        await source.change("a-1", kept=1, nested={"same": 1, "other": 3})
        fields = (await stream.next())["updateDescription"]["updatedFields"]
    assert fields["change"]["data"] == {"kept": 1, "nested": {"same": 1, "other": 3}}
    assert set(fields) == {"version", "change"}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_relay_that_crashes_anywhere_loses_and_doubles_nothing(
    database: Database, mongodb_uri: str, seed: int
) -> None:
    chance = random.Random(seed)
    source = Source(database)
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    await make_relay(database).prepare()
    writing = asyncio.create_task(source.churn(writers=4, subjects=10, versions=12))
    crashes = 0
    while not writing.done() or crashes < 12:
        crashes += 1
        clock.set(clock.now() + timedelta(minutes=1))  # the lease of the dead one has expired
        async with own_connection(mongodb_uri, database.name) as connection:
            relay = make_relay(connection, holder=f"h{crashes}", clock=clock, max_batch=chance.choice([1, 7, 100]))
            task = asyncio.create_task(relay.run())
            await asyncio.wait({task}, timeout=chance.uniform(0.0, 0.12))
            await connection.client.close()  # it dies without a last word: the lease stays
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await writing
    clock.set(clock.now() + timedelta(minutes=1))
    async with running(make_relay(database, holder="last", clock=clock)):
        assert_told_once(await wait_for_events(database, 4 * 10 * 12), source)


async def test_two_relays_that_both_lead_write_one_history(database: Database) -> None:
    source = Source(database)
    async with (
        running(make_relay(database, lease="a", holder="a", max_batch=5)),
        running(make_relay(database, lease="b", holder="b", max_batch=9)),
    ):
        await source.churn(writers=4, subjects=10, versions=8)
        assert_told_once(await wait_for_events(database, 4 * 10 * 8), source)


async def test_a_leader_that_overslept_its_lease_steps_down(database: Database) -> None:
    source = Source(database)
    early, late = (ManualClock(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (1, 2))
    old = Leadership(database, "relay", "old", early, ttl_seconds=600, poll_seconds=0.02)
    new = Leadership(database, "relay", "new", late, ttl_seconds=600, poll_seconds=0.02)
    async with running(make_relay(database, clock=early, leadership=old)):
        await source.change("a-1")
        await wait_for_events(database, 1)
        async with running(make_relay(database, clock=late, leadership=new)):
            await source.churn(writers=4, subjects=5, versions=10)
            assert_told_once(await wait_for_events(database, 201), source)
            lease = await database["leases"].find_one({"_id": "relay"})
            assert lease is not None
            assert lease["holder"] == "new"


async def test_a_batch_that_was_written_by_half_is_completed(database: Database) -> None:
    source = Source(database)
    async with running(make_relay(database)):
        await source.change("a-0")
        await wait_for_events(database, 1)
    for subject in range(6):
        await source.change(f"b-{subject}")
    store = EventStore(database)
    half = [await _raw_change(database, f"b-{subject}") for subject in range(3)]
    await store.append(1, half, SystemClock().now(), None)
    async with running(make_relay(database)):
        assert_told_once(await wait_for_events(database, 7), source)


async def test_a_change_that_is_logged_twice_is_told_once(database: Database) -> None:
    source = Source(database)
    async with running(make_relay(database)):
        for subject in ("a-1", "a-2", "a-3"):
            await source.change(subject)
        await wait_for_events(database, 3)
        document = await database["tasks"].find_one({"_id": "a-2"})
        assert document is not None
        await database["tasks"].replace_one({"_id": "a-2"}, {**document, "extra": 1})
        await source.change("a-3")
        await source.change("a-2")
        assert_told_once(await wait_for_events(database, 5), source)


async def test_a_lost_place_is_told_and_the_newest_changes_are_found_again(database: Database) -> None:
    source = Source(database)
    async with running(make_relay(database)):
        await source.change("a-1")
        await source.change("a-2")
        await wait_for_events(database, 2)
    await source.change("a-2")
    await source.change("a-2")
    await source.change("p-1", "projects")
    await _lose_the_place(database)
    async with running(make_relay(database)):
        await wait_for_events(database, 5)
        await source.change("a-1")
        events = await wait_for_events(database, 6)
    assert [event["_id"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[2]["change"]["type"] == GAP_TYPE
    assert [event["change"]["id"] for event in events[3:]] == ["a-2:3", "p-1:1", "a-1:2"]


async def test_a_place_that_is_lost_again_and_again_doubles_nothing(database: Database) -> None:
    source = Source(database)
    writing = asyncio.create_task(source.churn(writers=2, subjects=10, versions=20))
    rounds = 0
    while not writing.done() or rounds < 5:
        rounds += 1
        async with running(make_relay(database)):
            await wait_for_events(database, len(await stored(database)) + (0 if writing.done() else 1))
        await _lose_the_place(database)
    async with running(make_relay(database)):
        await source.change("last-1")

        async def caught_up() -> bool:
            return await database["events"].count_documents({"change.id": "last-1:1"}) == 1

        await come_true(caught_up)
    ids = [event["change"]["id"] for event in await stored(database)]
    assert len(ids) == len(set(ids))
    assert {f"{subject}:{version}" for subject, version in source.versions.items()} <= set(ids)
    versions: dict[str, int] = {}
    for event in await stored(database):
        change = event["change"]
        assert change["version"] > versions.get(change["subject"], 0)
        versions[change["subject"]] = change["version"]


async def test_a_first_start_tells_what_exists_as_far_as_it_is_kept(database: Database) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    source = Source(database, clock)
    await source.change("old-1")
    clock.set(datetime(2026, 1, 20, tzinfo=UTC))
    await source.change("b-1", "projects")
    clock.set(datetime(2026, 1, 21, tzinfo=UTC))
    await source.change("a-1")
    async with running(make_relay(database, clock=clock)):
        events = await wait_for_events(database, 3)
    assert [event["change"]["type"] for event in events] == [GAP_TYPE, "task.changed", "task.changed"]
    assert [event["change"]["id"] for event in events[1:]] == ["b-1:1", "a-1:1"]


async def test_a_first_start_without_documents_has_no_gap_and_remembers_its_place(database: Database) -> None:
    source = Source(database)
    async with running(make_relay(database)):
        assert await EventStore(database).position() is not None
    await source.change("a-1")
    await source.change("a-1")
    async with running(make_relay(database)):
        assert_told_once(await wait_for_events(database, 2), source)


async def test_without_events_the_place_moves_on(database: Database) -> None:
    source = Source(database)
    store = EventStore(database)
    async with running(make_relay(database, await_seconds=0.05, checkpoint_seconds=0)):
        await source.change("a-1")
        await wait_for_events(database, 1)
        first = await store.position()
        await database["unrelated"].insert_one({})

        async def moved_on() -> bool:
            return await store.position() != first

        await come_true(moved_on)
    moved = await store.position()
    assert moved is not None
    assert moved.seq == 1
    await source.change("a-1")
    async with running(make_relay(database)):
        assert_told_once(await wait_for_events(database, 2), source)


async def test_old_events_go_from_the_front_and_the_newest_stays(database: Database) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    source = Source(database, clock)
    async with running(make_relay(database, clock=clock)):
        for version in range(1, 6):
            await source.change("a-1")
            await wait_for_events(database, version)
            clock.set(clock.now() + timedelta(days=1))
    store = EventStore(database)
    assert await store.trim(datetime(2026, 1, 3, 12, tzinfo=UTC), limit=2) == 2
    assert await store.trim(datetime(2027, 1, 1, tzinfo=UTC), limit=100) == 2
    assert [event["_id"] for event in await stored(database)] == [5]
    async with running(make_relay(database, clock=clock)):
        await source.change("a-1")
        assert [event["_id"] for event in await wait_for_events(database, 2)] == [5, 6]


async def test_mongod_killed_in_mid_stream(engine_directory: Path) -> None:
    engine = MongodEngine(engine_directory)
    await engine.start()
    try:
        async with own_connection(engine.uri, "killed") as database:
            source = Source(database)
            async with running(make_relay(database)):
                writing = asyncio.create_task(source.churn(writers=4, subjects=10, versions=30))
                for round_ in range(1, 4):
                    await source.written(250 * round_)
                    await engine.kill()
                    await engine.start()
                await writing
                assert_told_once(await wait_for_events(database, 4 * 10 * 30), source)
    finally:
        await engine.kill()


async def _lose_the_place(database: Database) -> None:
    """Make the stored place one that is older than the oplog."""
    async with await database.watch() as stream:
        await database["unrelated"].insert_one({})
        token = (await stream.next())["_id"]["_data"]
    long_ago = f"{int(token[2:10], 16) - 1_000_000:08X}"  # the time of the change, in seconds, after one byte
    place = {"resumeAfter": {"_data": token[:2] + long_ago + token[10:]}}
    store = EventStore(database)
    await store.save_position(Position(await store.newest(), place))


async def _raw_change(database: Database, subject: str) -> bytes:
    found: Any = await database.get_collection("tasks", codec_options=RAW).find_one({"_id": subject})
    return bytes(found["change"].raw)
