"""A hundred requests a minute for each agent, and a bucket for each address and part of the face."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.faces.market.buckets import BUCKETS, REGISTRATION_RATE
from gateway.limits import SlidingLimiter
from kit import redis as kit_redis
from tests.gateway.market.players import Player, good, new_player, refused
from tests.gateway.site import Reply, Site

_TRUSTED = (ip_network("127.0.0.0/8"),)


@pytest.fixture
async def limited(another_gateway: Any) -> Site:
    """A gateway with limits, over the same services."""
    site: Site = await another_gateway(rate_limits=True, trusted_proxies=_TRUSTED)
    return site


def at(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def left(reply: Reply) -> tuple[str, str]:
    reset = int(reply.headers["X-RateLimit-Reset"])
    assert time.time() < reset <= time.time() + 62
    return reply.headers["X-RateLimit-Limit"], reply.headers["X-RateLimit-Remaining"]


async def test_a_hundred_a_minute_for_each_agent(limited: Site) -> None:
    agent, colleague = await new_player(limited, "busy"), await new_player(limited, "calm")
    headers = at("198.51.100.1")
    first = await agent.send("GET", "/tasks?limit=1", headers=headers)
    assert left(first) == ("100", "99")
    # Everything after the credential counts and says so: what is refused, and what does not exist.
    assert left(await agent.send("GET", "/tasks/x", headers=headers)) == ("100", "98")
    assert left(await agent.send("POST", "/tasks", json={}, headers=headers))[1] == "59", "the address has less left"
    assert left(await agent.send("GET", "/nothing", headers=headers)) == ("100", "96")
    replies = await asyncio.gather(*(agent.send("GET", "/tasks?limit=1", headers=headers) for _ in range(96)))
    assert {reply.status for reply in replies} == {200}
    assert min(int(left(reply)[1]) for reply in replies) == 0
    over = await agent.send("GET", "/tasks?limit=1", headers=headers)
    message, suggestion = refused(over, 429, "RATE_LIMITED")
    seconds = over.headers["Retry-After"]
    assert 0 < int(seconds) <= 60
    assert message == "Rate limit exceeded (100 requests/minute)"
    assert suggestion == f"Wait {seconds} seconds before retrying. Check X-RateLimit-Reset header."
    assert left(over) == ("100", "0")
    # What was refused does not count, and others are not concerned.
    assert left(await colleague.send("GET", "/tasks?limit=1", headers=headers)) == ("100", "99")


async def test_an_address_has_sixty_new_tasks_a_minute(limited: Site) -> None:
    agents = [await new_player(limited, "crowd") for _ in range(2)]
    headers = at("198.51.100.2")
    replies = await asyncio.gather(*(agents[n % 2].send("POST", "/tasks", json={}, headers=headers) for n in range(60)))
    assert {reply.status for reply in replies} == {422}
    over = await agents[0].send("POST", "/tasks", json={}, headers=headers)
    message, suggestion = refused(over, 429, "RATE_LIMITED")
    assert message == "Rate limit exceeded. Please try again later."
    assert suggestion.startswith(f"Wait {over.headers['Retry-After']} seconds")
    assert left(over) == ("60", "0")
    good(await agents[0].send("GET", "/tasks?limit=1", headers=headers))
    refused(await agents[0].send("POST", "/tasks", json={}, headers=at("198.51.100.3")), 422, "VALIDATION_ERROR")


async def test_who_is_nobody_is_counted_by_address_alone(limited: Site) -> None:
    for key, expected in ((None, "299"), ("th_agent_" + "0" * 64, "298")):
        reply = await limited.send("GET", "/api/v1/tasks", key=key, headers=at("198.51.100.4"))
        refused(reply, 401, "UNAUTHORIZED")
        assert left(reply) == ("300", expected)


async def test_an_address_introduces_only_so_many_agents(another_gateway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REGISTRATION_RATE == "30/minute"
    monkeypatch.setattr("gateway.faces.market.face.REGISTRATION_RATE", "3/day")
    strict: Site = await another_gateway(rate_limits=True, trusted_proxies=_TRUSTED)
    path, body = "/api/v1/agents/register", {"name": "n", "description": "x"}
    for address in ("198.51.101.1", "198.51.101.2"):
        replies = [await strict.send("POST", path, key=None, json=body, headers=at(address)) for _ in range(4)]
        assert [reply.status for reply in replies] == [400, 400, 400, 429]
        assert replies[-1].json["success"] is False
        assert int(replies[-1].headers["Retry-After"]) > 0


async def test_opening_a_stream_costs_one(limited: Site) -> None:
    agent = await new_player(limited, "watcher")
    headers = {**at("198.51.100.5"), "Authorization": f"Bearer {agent.key}"}
    async with limited.http.get("/api/v1/events", headers=headers) as stream:
        assert stream.headers["X-RateLimit-Remaining"] == "99"
    assert left(await agent.send("GET", "/tasks?limit=1", headers=at("198.51.100.5"))) == ("100", "98")


async def test_without_limits_there_are_no_such_headers(worker: Player) -> None:
    assert "X-RateLimit-Limit" not in (await worker.send("GET", "/tasks?limit=1")).headers


@pytest.mark.parametrize(
    ("method", "path", "bucket"),
    [
        ("POST", "/api/v1/tasks", "new-task"),
        ("GET", "/api/v1/tasks", "tasks"),
        ("POST", "/api/v1/tasks/5/claims", "tasks"),
        ("POST", "/api/v1/webhooks", "webhooks"),
        ("GET", "/api/v1/webhooks/5", "webhooks"),
        ("GET", "/api/v1/agents/me", "agents"),
        ("GET", "/api/v1/new-task", "other"),
        ("GET", "/api/v1/anything/else", "other"),
        ("OPTIONS", "/api/v1/tasks", None),
    ],
)
def test_parts_of_the_face(method: str, path: str, bucket: str | None) -> None:
    assert BUCKETS.choose(method, path) == bucket
    assert bucket is None or bucket in BUCKETS.rates


async def test_a_window_slides(redis_url: str) -> None:
    redis = kit_redis.connect(redis_url)
    for pool in (redis.connection_pool, None):
        limiter = SlidingLimiter("3/second", "test-sliding", pool)
        found = [await limiter.hit("a") for _ in range(4)]
        assert [allowance.remaining for allowance in found] == [2, 1, 0, -1]
        assert found[3].wait_seconds == 1
        assert (await limiter.hit("b")).remaining == 2
        async with asyncio.timeout(5):
            while (await limiter.hit("a")).remaining < 0:
                pass
    await redis.aclose()


async def test_losing_redis_loosens_the_limit_and_refuses_nobody() -> None:
    gone = kit_redis.connect("redis://127.0.0.1:1")
    limiter = SlidingLimiter("2/minute", "test-sliding-gone", gone.connection_pool)
    assert [(await limiter.hit("a")).remaining for _ in range(3)] == [1, 0, -1]
    await gone.aclose()
