"""What the gateway makes of services that are slow, broken or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import pytest
from piecework.tasks.v1 import queue_pb2

from gateway.app import GatewayResources
from gateway.server import serve
from kit.caller import METADATA_KEY, CallerSigner
from kit.channels import Channels, Outgoing
from kit.errors import Conflict, DomainError, Exhausted, NotFound, Unavailable
from kit.settings import Settings
from kit.status import abort_with
from tests.gateway.event_client import EventClient
from tests.gateway.market.players import refused
from tests.gateway.scripted_peers import PROJECT, ScriptedPeers
from tests.gateway.site import Reply, Site

_KEY = "k" * 32
_PATH = "/api/agents/w/next-task"
_BODY = {"projectId": PROJECT}


@pytest.fixture
async def peers() -> AsyncIterator[ScriptedPeers]:
    """Services that do what the test says."""
    peers = ScriptedPeers()
    await peers.start()
    yield peers
    await peers.stop()


@pytest.fixture
async def edge(peers: ScriptedPeers) -> AsyncIterator[Site]:
    """A gateway that reaches these services over the network."""
    address = f"127.0.0.1:{peers.port}"
    channels = Channels(dict.fromkeys(("tasks", "agents", "billing", "orchestrator"), address))
    settings = Settings(caller_key=_KEY, rate_limits=False, drain_seconds=0.1)
    resources = GatewayResources(settings, channels, Outgoing(CallerSigner(_KEY)), heartbeat_seconds=0.2)
    server = await serve(resources, "127.0.0.1", 0)
    site: Any = Site(f"http://127.0.0.1:{server.port}", None, resources, server=server)  # type: ignore[arg-type]
    site.http = aiohttp.ClientSession(site.url)
    yield site
    await site.close()
    await channels.close()


async def ask(edge: Site, **options: Any) -> Reply:
    return await edge.send("POST", _PATH, key="good", json=_BODY, **options)


async def test_a_service_that_is_gone(edge: Site, peers: ScriptedPeers) -> None:
    assert (await edge.send("GET", "/health", key=None)).data["status"] == "healthy"
    peers.queue.next_task = _nothing
    assert (await ask(edge)).status == 200
    await peers.stop()
    reply = await ask(edge)
    assert (reply.status, reply.json["error"]) == (503, "Service Unavailable")
    assert int(reply.headers["Retry-After"]) >= 1
    health = await edge.send("GET", "/health", key=None)
    assert health.status == 503
    assert health.json["success"] is False
    assert health.data["storage"] == {"healthy": False, "provider": "mongodb"}
    await peers.start()
    async with asyncio.timeout(10):
        while (await ask(edge)).status != 200:
            pass


async def test_the_market_says_so_in_its_own_words(edge: Site, peers: ScriptedPeers) -> None:
    broken = await edge.send("GET", "/api/v1/tasks", key="agent")
    # These peers have no market at all.
    refused(broken, 500, "INTERNAL_ERROR")
    await peers.stop()
    reply = await edge.send("GET", "/api/v1/tasks", key="agent")
    assert refused(reply, 503, "SERVICE_UNAVAILABLE") == ("Service Unavailable", "Try again in a moment")
    assert int(reply.headers["Retry-After"]) >= 1
    events = await edge.send("GET", "/api/v1/events", key="agent")
    refused(events, 503, "SERVICE_UNAVAILABLE")


async def _nothing(_context: Any) -> Any:
    return queue_pb2.NextTaskResponse()


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (NotFound("TASK_NOT_FOUND", "Task not found"), 404, "Task not found"),
        (Conflict("STALE_TOKEN", "The lease is another's now"), 409, "The lease is another's now"),
        (Exhausted("QUOTA", "Too much", retry_after_seconds=7), 429, "Too much"),
        (Unavailable("DATABASE", "mongodb://secret", retry_after_seconds=3), 503, "Service Unavailable"),
    ],
)
async def test_refusals(edge: Site, peers: ScriptedPeers, error: DomainError, status: int, text: str) -> None:
    async def refuse(context: Any) -> Any:
        await abort_with(context, error, "piecework.tests")

    peers.queue.next_task = refuse
    reply = await ask(edge)
    assert (reply.status, reply.json["error"]) == (status, text)
    if error.retry_after_seconds:
        assert reply.headers["Retry-After"] == str(int(error.retry_after_seconds))


@pytest.mark.parametrize("code", ["INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED"])
async def test_faults_are_told_without_detail(edge: Site, peers: ScriptedPeers, code: str) -> None:
    async def fail(context: Any) -> Any:
        await context.abort(grpc.StatusCode[code], "a secret detail")

    peers.queue.next_task = fail
    reply = await ask(edge)
    assert (reply.status, reply.json["error"]) == (500, "Internal Server Error")
    assert "secret" not in reply.text


async def test_a_client_that_goes_away_takes_its_call_with_it(edge: Site, peers: ScriptedPeers) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(context: Any) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return context

    peers.queue.next_task = wait
    asking = asyncio.create_task(ask(edge))
    await asyncio.wait_for(begun.wait(), 5)
    asking.cancel()
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_every_call_has_a_deadline_and_a_caller(edge: Site, peers: ScriptedPeers) -> None:
    left: list[float] = []

    async def look(context: Any) -> Any:
        left.append(context.time_remaining())
        return queue_pb2.NextTaskResponse()

    peers.queue.next_task = look
    await ask(edge)
    await edge.send("POST", _PATH, key="good", json={**_BODY, "waitSeconds": 20})
    assert 0 < left[0] < 6
    assert 20 < left[1] < 26
    caller = CallerSigner(_KEY).verify(peers.queue.metadata[METADATA_KEY])
    assert (caller.kind, caller.operator_id) == ("operator", 1)


async def test_a_crowd_with_one_key_asks_once(edge: Site, peers: ScriptedPeers) -> None:
    peers.queue.next_task = _nothing
    replies = await asyncio.gather(*(ask(edge) for _ in range(32)))
    assert {reply.status for reply in replies} == {200}
    assert peers.identities.questions == 1
    await asyncio.gather(*(edge.send("GET", "/api/projects", key=f"bad-{n}") for n in range(3)))
    assert peers.identities.questions == 4


async def test_a_stream_goes_on_when_the_service_comes_back(edge: Site, peers: ScriptedPeers) -> None:
    async with EventClient(edge, PROJECT, key="good") as events:
        await events.block()
        await peers.events.add(3)
        seen = [await events.event() for _ in range(3)]
        await peers.stop()
        await peers.events.add(2)
        await peers.start()
        seen += [await events.event(seconds=15) for _ in range(2)]
    assert [found[0] for found in seen if found] == ["1", "2", "3", "4", "5"]
    assert peers.events.asked[0] is None
    assert set(peers.events.asked[1:]) == {3}


async def test_a_cursor_that_is_too_old_is_told(edge: Site, peers: ScriptedPeers) -> None:
    peers.events.newest, peers.events.first_kept = 12, 10
    async with EventClient(edge, PROJECT, key="good", after=4) as events:
        gap = await events.event()
        assert gap == ("9", "gap", {"fromSeq": 5, "toSeq": 9})
        found = await events.event()
        assert found is not None
        assert found[0] == "10"
