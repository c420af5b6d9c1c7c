"""Followers of the market: every event in order, from where they were, whatever breaks."""

from __future__ import annotations

import asyncio

import pytest

from kit.errors import Unavailable
from services.agents.feed.model import MarketEvent
from services.agents.feed.store import CursorStore
from tests.service.agents.feed.town import Diary, Town


async def test_events_come_in_order_and_only_those_after_the_last_run(town: Town) -> None:
    await town.post("Task 1", "Task 2")
    first = Diary()
    async with town.following(first):
        assert await first.has(2) == ["Task 1", "Task 2"]
        await town.post("Task 3")
        assert await first.has(3) == ["Task 1", "Task 2", "Task 3"]
    (event, _, last) = first.events
    assert (event.type, event.subject) == ("task.created", f"market:{event.data['task_id']}")
    assert event.id == f"{event.subject}:{event.version}"
    assert (await town.cursors.find_one({"_id": "diary"}) or {})["seq"] == last.seq
    await town.post("Task 4")
    second = Diary()
    async with town.following(second):
        assert await second.has(1) == ["Task 4"]
    assert town.count("events") == 4
    assert town.count("gaps") == 0


async def test_the_place_is_written_also_when_the_end_comes_while_it_is_being_written(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance, began = CursorStore.advance, asyncio.Event()

    async def hang_once(store: CursorStore, follower: str, seq: int) -> None:
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()
        await advance(store, follower, seq)

    monkeypatch.setattr(CursorStore, "advance", hang_once)
    await town.post("Task 1")
    diary = Diary()
    async with town.following(diary):
        await diary.has(1)
        await began.wait()
    assert (await town.cursors.find_one({"_id": "diary"}) or {}).get("seq") == diary.events[0].seq


async def test_the_place_is_written_while_events_come(town: Town) -> None:
    await town.post("Task 1")
    diary = Diary()
    async with town.following(diary):
        await diary.has(1)
        async with asyncio.timeout(10), await town.cursors.watch(full_document="updateLookup") as changes:
            await town.post("Task 2")
            async for change in changes:
                written = change["fullDocument"]
                if written["_id"] == "diary" and len(diary.events) == 2 and written["seq"] == diary.events[1].seq:
                    break


async def test_an_event_comes_again_until_its_handler_can_be_served(town: Town) -> None:
    failures = 7

    async def unavailable(_: MarketEvent) -> None:
        nonlocal failures
        failures -= 1
        if failures > 0:
            raise Unavailable("DATABASE_UNAVAILABLE", "not now")

    await town.post("Task 1", "Task 2")
    diary = Diary(unavailable)
    async with town.following(diary):
        assert await diary.has(2) == ["Task 1", "Task 2"]
    assert town.count("skipped") == 0


async def test_an_event_that_cannot_be_handled_is_set_aside(town: Town) -> None:
    tried = 0

    async def picky(event: MarketEvent) -> None:
        nonlocal tried
        if event.data["title"] == "Task 1":
            tried += 1
            raise KeyError("what is this")

    await town.post("Task 1", "Task 2")
    diary = Diary(picky)
    async with town.following(diary):
        assert await diary.has(1) == ["Task 2"]
    assert tried == 5
    aside = await town.platform.database["feed_skipped"].find_one({})
    assert aside is not None
    assert aside["data"]["title"] == "Task 1"
    assert "what is this" in aside["error"]
    assert town.count("skipped") == 1
    second = Diary()
    async with town.following(second):
        await town.post("Task 3")
        assert await second.has(1) == ["Task 3"]


async def test_a_hole_in_the_history_is_counted_but_not_for_a_newcomer(town: Town) -> None:
    await town.post("Task 1")
    first = Diary()
    async with town.following(first):
        await first.has(1)
    await town.post("Task 2", "Task 3", "Task 4")
    await town.stored(4)
    await town.events.delete_many({"_id": {"$lte": first.events[0].seq + 2}})
    second, newcomer = Diary(), Diary()
    async with town.following(second), town.following(newcomer, "newcomer"):
        assert await second.has(1) == ["Task 4"]
        assert await newcomer.has(1) == ["Task 4"]
    assert town.count("gaps") == 1
    assert town.count("gaps", "newcomer") == 0


async def test_a_place_in_a_history_that_is_no_more_is_given_up(town: Town) -> None:
    await town.post("Task 1")
    await town.stored(1)
    await town.cursors.insert_one({"_id": "diary", "seq": 1_000_000})
    diary = Diary()
    async with town.following(diary):
        async with asyncio.timeout(20):
            while not town.count("gaps"):
                await town.post("Another")
        newest = len(diary.events)
        await town.post("The last")
        assert (await diary.has(newest + 1))[-1] in ("Another", "The last")
    assert (await town.cursors.find_one({"_id": "diary"}) or {})["seq"] < 1_000


async def test_a_leader_that_was_replaced_does_not_take_the_place_back(town: Town) -> None:
    await town.post("Task 1")
    diary = Diary()
    async with town.following(diary):
        await diary.has(1)
        await town.cursors.update_one({"_id": "diary"}, {"$set": {"seq": 500}}, upsert=True)
    assert (await town.cursors.find_one({"_id": "diary"}) or {})["seq"] == 500
