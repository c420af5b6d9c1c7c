"""The live streams: what they say, to whom, and how they resume."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.gateway.event_client import EventClient
from tests.gateway.market.players import TIME, Player, new_player, refused
from tests.gateway.market.stream import stream
from tests.gateway.site import Site


async def statuses(events: EventClient, count: int) -> list[tuple[int, str | None, str]]:
    """Return the task, the status before and the status of the next changes."""
    found = []
    for _ in range(count):
        event = await events.event(10)
        assert event is not None
        number, name, data = event
        assert name == "task.status"
        assert number.isdigit()
        assert set(data) == {"type", "data", "timestamp"}
        assert data["type"] == "task.status"
        assert TIME.fullmatch(data["timestamp"])
        change = data["data"]
        assert set(change) == {
            "task_id",
            "title",
            "status",
            "previous_status",
            "claimed_by_agent_id",
            "updated_at",
        }
        found.append((change["task_id"], change["previous_status"], change["status"]))
    return found


async def begun(events: EventClient) -> Any:
    """Return the data of the first event."""
    fields = await events.block()
    assert fields is not None
    return fields


async def test_a_whole_round_for_both_sides(poster: Player, worker: Player, other: Player) -> None:
    async with stream(poster) as paying, stream(worker) as working, stream(other) as watching:
        assert paying.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert paying.response.headers["Cache-Control"] == "no-cache, no-transform"
        assert paying.response.headers["X-Accel-Buffering"] == "no"
        first = await begun(paying)
        assert first["event"] == "connected"
        expected = f'{{"agent_id":{poster.agent_id},"message":"Subscribed to task updates"}}'
        assert first["data"] == expected
        assert first["id"].isdigit()
        await begun(working)
        await begun(watching)
        task = (await poster.new_task())["id"]
        await poster.hire(task, worker)
        made = await worker.deliver(task)
        await poster.post(f"/tasks/{task}/deliverables/{made['id']}/revision", {"revision_notes": "More"})
        made = await worker.deliver(task)
        await poster.post(f"/tasks/{task}/deliverables/{made['id']}/accept")
        changes = [
            (task, None, "open"),
            (task, "open", "claimed"),
            (task, "claimed", "delivered"),
            (task, "delivered", "in_progress"),
            (task, "in_progress", "delivered"),
            (task, "delivered", "completed"),
        ]
        assert await statuses(paying, 6) == changes
        assert await statuses(working, 5) == changes[1:]
        # The other one is told of its own task, and of nothing before it.
        own = await new_player(other.site, "own", other.operator, balance=100)
        mine = (await own.new_task(budget_credits=10))["id"]
        assert await statuses(watching, 1) == [(mine, None, "open")]


async def test_who_comes_back_misses_nothing_and_sees_nothing_twice(poster: Player) -> None:
    async with stream(poster) as events:
        last = (await begun(events))["id"]
    made, seen = [], []
    for _ in range(5):
        made += [(await poster.new_task())["id"] for _ in range(3)]
        async with stream(poster, last_id=last) as events:
            assert (await begun(events))["event"] == "connected"
            seen += [task for task, _, _ in await statuses(events, 2)]
            assert events.last_id is not None
            last = events.last_id
    async with stream(poster, last_id=last) as events:
        await begun(events)
        seen += [task for task, _, _ in await statuses(events, len(made) - len(seen))]
    assert seen == made


async def test_fifty_cuts_while_much_happens(poster: Player, worker: Player) -> None:
    expected: list[tuple[int, str | None, str]] = []

    async def work() -> None:
        for _ in range(20):
            task = (await poster.new_task())["id"]
            expected.append((task, None, "open"))
            await poster.hire(task, worker)
            expected.append((task, "open", "claimed"))
            await poster.post(f"/tasks/{task}/rollback")
            expected.append((task, "claimed", "open"))
            await poster.post(f"/tasks/{task}/cancel")
            expected.append((task, "open", "cancelled"))

    async with stream(poster) as events:
        last = (await begun(events))["id"]
    working = asyncio.create_task(work())
    seen: list[tuple[int, str | None, str]] = []
    for cut in range(50):
        async with stream(poster, last_id=last) as events:
            await begun(events)
            seen += await statuses(events, cut % 3)
            last = events.last_id or last
    await working
    async with stream(poster, last_id=last) as events:
        await begun(events)
        seen += await statuses(events, len(expected) - len(seen))
    assert seen == expected


async def told_task(poster: Player) -> Any:
    """Return a new task whose creation has reached the streams, so that whoever comes now is not told of it."""
    async with stream(poster) as events:
        await begun(events)
        task = await poster.new_task()
        while (await statuses(events, 1))[0][0] != task["id"]:
            continue
    return task


async def test_one_task(poster: Player, worker: Player, other: Player) -> None:
    task = await told_task(poster)
    async with stream(other, f"/tasks/{task['id']}/events") as events:
        first = await events.event()
        assert first is not None
        assert first[1] == "task.status"
        assert set(first[2]) == {"task_id", "status", "claimed_by_agent_id", "updated_at"}
        assert (first[2]["task_id"], first[2]["status"], first[2]["claimed_by_agent_id"]) == (task["id"], "open", None)
        await poster.new_task()
        await poster.hire(task["id"], worker)
        after = [await events.event() for _ in range(2)]
        assert [(found[2]["status"], found[2]["claimed_by_agent_id"]) for found in after if found] == [
            ("open", None),
            ("claimed", worker.agent_id),
        ]
    async with stream(other, f"/tasks/{task['id']}/events", last_id=first[0]) as events:
        again = [await events.event() for _ in range(2)]
        assert again == after


async def test_a_late_watcher_is_told_how_the_task_stands(poster: Player, worker: Player) -> None:
    task = await poster.new_task()
    await poster.hire(task["id"], worker)
    async with stream(worker, f"/tasks/{task['id']}/events") as events:
        first = await events.event()
        assert first is not None
        assert first[2]["status"] == "claimed"
        await worker.deliver(task["id"])
        second = await events.event()
        assert second is not None
        assert second[2]["status"] == "delivered"
        assert int(second[0]) > int(first[0])


@pytest.mark.parametrize("of_task", [False, True])
async def test_a_cursor_of_another_history_is_told_and_goes_on(poster: Player, worker: Player, of_task: bool) -> None:
    task = (await poster.new_task())["id"]
    async with stream(poster, f"/tasks/{task}/events" if of_task else "/events", last_id=str(10**9)) as events:
        await begun(events)
        gap = await events.event()
        assert gap is not None
        assert gap[1] == "gap"
        assert gap[2] == {"from_seq": int(gap[0]) + 1, "to_seq": int(gap[0])}
        await poster.hire(task, worker)
        found = await events.event()
        assert found is not None
        assert found[1] == "task.status"
        assert int(found[0]) > int(gap[0])


async def test_silence_is_filled_with_heartbeats(site: Site) -> None:
    nobody = await new_player(site, "nobody")  # of whom no earlier test has anything to tell
    async with stream(nobody) as events:
        await begun(events)
        await events.block()
        assert events.comments == ["heartbeat"]


@pytest.mark.parametrize("path", ["/events", "/tasks/{}/events"])
async def test_bad_cursors(poster: Player, path: str) -> None:
    task = await poster.new_task()
    for cursor in ("x", "-1", "9" * 30):
        reply = await poster.send("GET", path.format(task["id"]), headers={"Last-Event-ID": cursor})
        refused(reply, 400, "INVALID_PARAMETER")


async def test_too_many_streams(another_gateway: Any, poster: Player) -> None:
    gateway: Site = await another_gateway(parts={"streams_per_operator": 1})
    elsewhere = Player(gateway, poster.operator, poster.agent_id, poster.name, poster.key)
    async with stream(elsewhere) as events:
        await begun(events)
        reply = await elsewhere.send("GET", "/events")
        refused(reply, 429, "RATE_LIMITED")
        assert reply.headers["Retry-After"]


async def test_a_stream_ends_with_the_gateway(another_gateway: Any, poster: Player) -> None:
    gateway: Site = await another_gateway()
    elsewhere = Player(gateway, poster.operator, poster.agent_id, poster.name, poster.key)
    async with stream(elsewhere) as events:
        await begun(events)
        stopping = asyncio.create_task(gateway.stop())
        assert await events.event() is None
        await stopping
