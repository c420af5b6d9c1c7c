from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.clock import ManualClock, SystemClock
from kit.engines import MongodEngine
from kit.leadership import Leadership
from tests.conditions import come_true
from tests.service.kit.event_source import Database, own_connection


class Work:
    """Work that notes who does it and when it begins and ends."""

    def __init__(self) -> None:
        self.workers = 0
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.workers += 1
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.workers -= 1
            self.ended.set()


@asynccontextmanager
async def leading(leadership: Leadership, work: Work) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(leadership.run(work))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_leads_and_the_next_follows_when_it_stops(database: Database) -> None:
    clock, first_work, second_work = SystemClock(), Work(), Work()
    first = Leadership(database, "x", "first", clock, 600, poll_seconds=0.01)
    second = Leadership(database, "x", "second", clock, 600, poll_seconds=0.01)
    async with leading(first, first_work) as stopping:
        await first_work.begun.wait()
        async with leading(second, second_work):
            assert await database["leases"].count_documents({"holder": "first"}) == 1
            assert first.held
            assert not second.held
            stopping.cancel()
            await second_work.begun.wait()  # long before the lease would have expired
            assert first_work.workers == 0
            assert second.held
            assert not first.held


async def test_two_names_have_two_leaders(database: Database) -> None:
    one, other = Work(), Work()
    clock = SystemClock()
    async with (
        leading(Leadership(database, "x", "a", clock), one),
        leading(Leadership(database, "y", "b", clock), other),
    ):
        await one.begun.wait()
        await other.begun.wait()


async def test_never_two_at_once(database: Database) -> None:
    work, turns = Work(), []

    async def turn(holder: str) -> None:
        leadership = Leadership(database, "x", holder, SystemClock(), 600, poll_seconds=0.001)

        async def short() -> None:
            assert work.workers == 0
            work.workers += 1
            await database["leases"].find_one({})
            work.workers -= 1
            turns.append(holder)
            raise StopAsyncIteration

        with pytest.raises(StopAsyncIteration):
            await leadership.run(short)

    await asyncio.gather(*(turn(f"h{number}") for number in range(20)))
    assert len(turns) == len(set(turns)) == 20


async def test_an_expired_lease_is_taken_over_and_the_former_holder_stops(database: Database) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    old_work, new_work = Work(), Work()
    old = Leadership(database, "x", "old", clock, ttl_seconds=0.9, poll_seconds=0.01)
    new = Leadership(database, "x", "new", clock, ttl_seconds=600, poll_seconds=0.01)
    async with leading(old, old_work):
        await old_work.begun.wait()
        clock.set(clock.now() + timedelta(seconds=0.9))
        async with leading(new, new_work):
            await new_work.begun.wait()
            await old_work.ended.wait()  # its next renewal finds another holder
            assert not await database["leases"].count_documents({"holder": "old"})


async def test_a_lease_lives_as_long_as_its_holder(database: Database) -> None:
    work = Work()
    leadership = Leadership(database, "x", "a", SystemClock(), ttl_seconds=0.3)
    async with leading(leadership, work):
        await work.begun.wait()
        first = await database["leases"].find_one({})
        assert first is not None

        async def renewed() -> bool:
            lease = await database["leases"].find_one({})
            return lease is not None and lease["expires_at"] > first["expires_at"] + timedelta(seconds=0.4)

        await come_true(renewed)
        assert work.workers == 1
        assert leadership.held


async def test_a_process_that_starts_again_takes_its_own_lease_back(database: Database) -> None:
    far = datetime.now(UTC) + timedelta(days=1)
    await database["leases"].insert_one({"_id": "x", "holder": "same", "expires_at": far, "term": 7})
    work = Work()
    async with leading(Leadership(database, "x", "same", SystemClock()), work):
        await work.begun.wait()
        lease = await database["leases"].find_one({})
        assert lease is not None
        assert lease["term"] == 8


async def test_work_that_returns_is_begun_again_and_its_error_is_raised(database: Database) -> None:
    runs: list[int] = []

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 3:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        await Leadership(database, "x", "a", SystemClock()).run(work)
    assert runs == [0, 1, 2]
    async with leading(Leadership(database, "x", "b", SystemClock()), follower := Work()):
        await follower.begun.wait()


async def test_a_leader_that_cannot_renew_stops_and_begins_again_later(engine_directory: Path) -> None:
    engine = MongodEngine(engine_directory)
    await engine.start()
    try:
        async with own_connection(engine.uri, "x") as database:
            work = Work()
            leadership = Leadership(database, "x", "a", SystemClock(), ttl_seconds=0.6, poll_seconds=0.05)
            async with leading(leadership, work):
                await work.begun.wait()
                await engine.kill()
                await work.ended.wait()
                assert not leadership.held
                work.begun.clear()
                await engine.start()
                await work.begun.wait()
                assert leadership.held
    finally:
        await engine.kill()
