"""What the market tells those who watch it: one event for each change, in order, to everybody whom it concerns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from piecework.tasks.v1 import events_pb2
from piecework.tasks.v1 import market_pb2 as pb

from kit.caller import Caller
from tests.service.tasks.market.faults import Fault
from tests.service.tasks.market.platform import TESTS, MarketPlatform

SOON = 15


class Stream:
    """Reads events.

    Args:
        call: the stream.
    """

    def __init__(self, call: Any) -> None:
        self._call = call

    async def next(self) -> events_pb2.WatchResponse:
        async with asyncio.timeout(SOON):
            message = await self._call.read()
        assert isinstance(message, events_pb2.WatchResponse), message
        return message

    async def until(self, event_type: str) -> list[events_pb2.Event]:
        """Return the events up to the first of a type."""
        events = [(await self.next()).event]
        while events[-1].type != event_type:
            events.append((await self.next()).event)
        return events


@asynccontextmanager
async def watching(market: MarketPlatform, stream: str, caller: Caller = TESTS) -> AsyncIterator[Stream]:
    call = market.events.Watch(events_pb2.WatchRequest(stream=stream), **market.outgoing(caller, timeout=None))
    reader = Stream(call)
    try:
        assert (await reader.next()).HasField("position")
        yield reader
    finally:
        call.cancel()


async def round_of_everything(market: MarketPlatform, poster: Caller, worker: Caller) -> pb.MarketTask:
    """Make every change that this part of the market knows, and cancel the task in the end."""
    task = await market.post(poster, budget_credits=200, category_id=3)
    await market.withdraw(worker, await market.claim(worker, task.id, 150))
    await market.reject_claim(poster, await market.claim(worker, task.id, 150))
    claim = await market.claim(worker, task.id, 150)
    await market.accept_claim(poster, claim)
    await market.withdraw(worker, claim)
    await market.accept_claim(poster, await market.claim(worker, task.id, 150))
    await market.roll_back(poster, task.id)
    await market.cancel(poster, task.id)
    return task


ROUND = [
    ("task.created", "open", None),
    ("claim.created", "open", "open"),
    ("claim.withdrawn", "open", "open"),
    ("claim.created", "open", "open"),
    ("claim.rejected", "open", "open"),
    ("claim.created", "open", "open"),
    ("claim.accepted", "claimed", "open"),
    ("claim.withdrawn", "open", "claimed"),
    ("claim.created", "open", "open"),
    ("claim.accepted", "claimed", "open"),
    ("task.rolled_back", "open", "claimed"),
    ("task.cancelled", "cancelled", "open"),
]


async def test_every_change_is_told_once_in_order(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    async with watching(market, "market") as stream:
        task = await round_of_everything(market, poster, worker)
        events = await stream.until("task.cancelled")
    told = [(event.type, data["status"], data["previous_status"]) for event, data in with_data(events)]
    assert told == ROUND
    assert [event.subject for event in events] == [f"market:{task.id}"] * len(ROUND)
    versions = [event.version for event in events]
    assert versions == sorted(set(versions))
    assert {event.actor for event in events} == {f"agent:{poster.agent_id}", f"agent:{worker.agent_id}"}


async def test_what_every_event_says(market: MarketPlatform, poster: Caller, worker: Caller) -> None:
    async with watching(market, "market") as stream:
        task = await round_of_everything(market, poster, worker)
        facts = {event.type: data for event, data in with_data(await stream.until("task.cancelled"))}
    for data in facts.values():
        assert (data["task_id"], data["title"], data["poster_id"]) == (task.id, task.title, poster.operator_id)
        assert (data["budget_credits"], data["category_id"]) == (200, 3)
        assert data["updated_at"].endswith("Z")
    claim_id = (await market.claims(task.id))[-1].id
    assert facts["claim.accepted"]["claimed_by_agent_id"] == worker.agent_id
    assert facts["claim.accepted"]["proposed_credits"] == 150
    assert facts["task.created"]["claimed_by_agent_id"] is None
    assert (facts["task.rolled_back"]["agent_id"], facts["task.rolled_back"]["claim_id"]) == (worker.agent_id, claim_id)
    assert facts["claim.withdrawn"]["task_reverted"] is True
    assert facts["claim.rejected"]["agent_id"] == worker.agent_id
    assert facts["task.cancelled"]["reason"] == "poster"


@pytest.mark.parametrize("who", ["poster", "colleague", "worker", "task"])
async def test_everybody_whom_it_concerns_is_told(
    market: MarketPlatform, poster: Caller, worker: Caller, who: str
) -> None:
    async with watching(market, "market") as before:
        task = await market.post(poster)
        await market.withdraw(worker, await market.claim(worker, task.id))
        await before.until("claim.withdrawn")
    colleague = await market.agent(poster.operator_id)
    watchers = {"poster": poster, "colleague": colleague, "worker": worker}
    caller = watchers.get(who, await market.agent())
    stream = f"task:{task.id}" if who == "task" else f"agent:{caller.agent_id}"
    async with watching(market, stream, caller) as events:
        await market.post(await market.agent())
        await market.cancel(poster, task.id)
        (event,) = await events.until("task.cancelled")
    assert event.subject == f"market:{task.id}"


async def test_a_task_that_never_opened_is_never_told_of(market: MarketPlatform) -> None:
    poor = await market.agent(await market.operator(500))
    async with watching(market, f"agent:{poor.agent_id}", poor) as stream:
        market.billing.faults["PlaceHold"] = [Fault.LOST_REQUEST]
        for budget in (600, 600, 100):
            await asyncio.gather(market.post(poor, budget_credits=budget), return_exceptions=True)
        await market.reconcile()
        ((event, data),) = with_data(await stream.until("task.created"))
    assert (event.type, data["budget_credits"]) == ("task.created", 100)


async def test_an_expired_task_says_so(market: MarketPlatform, poster: Caller) -> None:
    async with watching(market, "market") as before:
        task = await market.stored((await market.post(poster)).id)
        await before.until("task.created")
    deadline = market.clock.now()
    assert await market.app.market.task_store.transition(task, {"deadline": deadline}, None) is not None
    async with watching(market, f"task:{task.id}") as stream:
        market.pass_time(days=8)
        await market.app.market.expiry.tick()
        ((event, data),) = with_data(await stream.until("task.cancelled"))
    assert (event.actor, data["reason"]) == ("expiry", "expired")


def with_data(events: list[events_pb2.Event]) -> list[tuple[events_pb2.Event, dict[str, Any]]]:
    return [(event, json.loads(event.data_json)) for event in events]
