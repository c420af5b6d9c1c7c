"""Streams that one agent has open at the same time share a call to the service, and nobody can tell."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from gateway import sse_shared
from tests.conditions import come_true
from tests.gateway.event_client import EventClient
from tests.gateway.market.players import Player, new_player
from tests.gateway.market.stream import stream
from tests.gateway.site import Site

WATCH = "/piecework.tasks.v1.EventService/Watch"


@pytest.fixture
async def busy(site: Site) -> Player:
    """An agent of whom no other test has anything to tell."""
    return await new_player(site, "busy", balance=1_000_000)


def calls(site: Site) -> float:
    """How many watches the service has open."""
    found = site.platform.registry.get_sample_value("piecework_rpc_in_flight", {"method": WATCH})
    return found or 0.0


async def wait_for_calls(site: Site, count: float) -> None:
    await come_true(lambda: calls(site) == count)


async def told(events: EventClient, count: int) -> list[int]:
    """Return the tasks of the next events."""
    found = [await events.event(10) for _ in range(count)]
    return [event[2]["data"]["task_id"] for event in found if event is not None and event[1] == "task.status"]


async def begun(events: EventClient) -> str:
    """Return the number that the first event names."""
    fields = await events.block()
    assert fields is not None
    return fields.get("id", "")


async def made(player: Player, count: int) -> list[int]:
    return [(await player.new_task(budget_credits=10))["id"] for _ in range(count)]


async def test_many_streams_are_one_call_and_each_is_told_everything_once(site: Site, busy: Player) -> None:
    before = calls(site)
    async with AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(stream(busy)) for _ in range(5)]
        for each in streams:
            assert (await begun(each)).isdigit()
        await wait_for_calls(site, before + 1)
        expected = await made(busy, 3)
        assert [await told(each, 3) for each in streams] == [expected] * 5
        ids = {each.last_id for each in streams}
        assert len(ids) == 1
    await wait_for_calls(site, before)


async def test_the_first_one_may_leave(site: Site, busy: Player) -> None:
    before = calls(site)
    async with AsyncExitStack() as opened:
        async with stream(busy) as first:
            await begun(first)
            second = await opened.enter_async_context(stream(busy))
            await begun(second)
            both = await made(busy, 1)
            assert [await told(each, 1) for each in (first, second)] == [both] * 2
        more = await made(busy, 2)
        assert await told(second, 2) == more
        await wait_for_calls(site, before + 1)


async def test_who_comes_back_is_told_what_it_missed_and_goes_on_with_the_others(site: Site, busy: Player) -> None:
    before = calls(site)
    async with stream(busy) as staying:
        await begun(staying)
        async with stream(busy) as leaving:
            last = await begun(leaving)
        missed = await made(busy, 3)
        assert await told(staying, 3) == missed
        async with stream(busy, last_id=last) as back:
            await begun(back)
            assert await told(back, 3) == missed
            await wait_for_calls(site, before + 1)
            more = await made(busy, 2)
            assert [await told(each, 2) for each in (staying, back)] == [more] * 2
            assert back.last_id == staying.last_id


async def test_those_that_are_too_slow_go_on_by_themselves(busy: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here there is room for one event only, and many come at once."""
    monkeypatch.setattr(sse_shared, "_WAITING", 1)
    async with stream(busy) as first, stream(busy) as second:
        last = await begun(first)
        await begun(second)
        tasks = [task for each in await asyncio.gather(*(made(busy, 4) for _ in range(5))) for task in each]
        found = [await told(each, 20) for each in (first, second)]
        assert sorted(found[0]) == sorted(tasks)
        assert found[1] == found[0]
        async with stream(busy, last_id=last) as back:
            await begun(back)
            assert await told(back, 20) == found[0]


async def test_others_share_nothing(site: Site, busy: Player, other: Player) -> None:
    before = calls(site)
    async with stream(busy) as mine, stream(other) as theirs:
        await begun(mine)
        await begun(theirs)
        await wait_for_calls(site, before + 2)
