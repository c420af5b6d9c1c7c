"""Rate limits per client address, shared through Redis, never a reason to fail."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.limits import RateLimiter, limit_key
from kit import redis as kit_redis
from tests.gateway.site import Site

_TRUSTED = (ip_network("127.0.0.0/8"),)


def client(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def test_every_api_answer_tells_what_is_left(another_gateway: Any) -> None:
    site: Site = await another_gateway(rate_limits=True, queue_rate_limit="5/15 minutes", trusted_proxies=_TRUSTED)
    headers = client("192.0.2.1")
    left = []
    for key, path in ((site.owner.key, "/api/projects"), (None, "/api/projects"), ("x", "/api/nope")):
        reply = await site.send("GET", path, key=key, headers=headers)
        assert reply.headers["X-RateLimit-Limit"] == "5"
        reset = int(reply.headers["X-RateLimit-Reset"])
        assert time.time() < reset <= time.time() + 900
        left.append(reply.headers["X-RateLimit-Remaining"])
    assert left == ["4", "3", "2"]


async def test_over_the_limit(another_gateway: Any) -> None:
    site: Site = await another_gateway(rate_limits=True, queue_rate_limit="2/15 minutes", trusted_proxies=_TRUSTED)
    headers = client("192.0.2.2")
    for _ in range(2):
        assert (await site.send("GET", "/api/projects", headers=headers)).status == 200
    reply = await site.send("GET", "/api/projects", headers=headers)
    assert reply.status == 429
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(reply.headers["Retry-After"]) <= 900
    assert reply.json["error"] == "Too many requests from this IP, please try again later."
    assert set(reply.json) == {"success", "error", "timestamp", "correlationId"}
    assert (await site.send("GET", "/api/projects", headers=client("192.0.2.3"))).status == 200
    for path in ("/health", "/metrics", "/openapi.json"):
        open_reply = await site.send("GET", path, headers=headers)
        assert open_reply.status == 200
        assert "X-RateLimit-Limit" not in open_reply.headers
    preflight = {**headers, "Origin": "https://a.example.com", "Access-Control-Request-Method": "GET"}
    assert (await site.send("OPTIONS", "/api/projects", headers=preflight)).status == 204


async def test_guesses_of_keys_are_limited_where_nothing_else_is(another_gateway: Any) -> None:
    site: Site = await another_gateway(rate_limits=True, trusted_proxies=_TRUSTED)
    headers = client("192.0.2.5")
    assert (await site.send("GET", "/health", headers=headers)).status == 200
    # Another minute may begin meanwhile, but not two.
    replies = [
        reply
        for _ in range(10)
        for reply in await asyncio.gather(
            *(site.send("GET", "/health", key="pw_live_wrong", headers=headers) for _ in range(61))
        )
    ]
    assert {reply.status for reply in replies} == {401, 429}
    for key in (site.owner.key, None):
        reply = await site.send("GET", "/health", key=key, headers=headers)
        assert reply.status == 200
        assert "X-RateLimit-Limit" not in reply.headers


async def test_gateways_share_the_count(another_gateway: Any) -> None:
    settings = {"rate_limits": True, "queue_rate_limit": "3/15 minutes", "trusted_proxies": _TRUSTED}
    first, second = await another_gateway(**settings), await another_gateway(**settings)
    headers = client("192.0.2.4")
    seen = [
        (await site.send("GET", "/api/projects", headers=headers)).headers["X-RateLimit-Remaining"]
        for site in (first, second, first)
    ]
    assert seen == ["2", "1", "0"]
    assert (await second.send("GET", "/api/projects", headers=headers)).status == 429


async def test_without_limits_there_are_no_such_headers(site: Site) -> None:
    assert "X-RateLimit-Limit" not in (await site.send("GET", "/api/projects")).headers


async def test_an_untrusted_proxy_is_not_believed(another_gateway: Any) -> None:
    site: Site = await another_gateway(rate_limits=True, queue_rate_limit="1000/15 minutes")
    left = [
        int((await site.send("GET", "/api/projects", headers=client(f"192.0.2.{n}"))).headers["X-RateLimit-Remaining"])
        for n in range(10, 13)
    ]
    assert left == [left[0], left[0] - 1, left[0] - 2]


@pytest.mark.parametrize(
    ("chain", "seen"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("203.0.113.9, 198.51.100.2", "198.51.100.2"),
        ("203.0.113.9, 198.51.100.3, 127.0.0.2", "198.51.100.3"),
        ("nonsense, 198.51.100.4", "198.51.100.4"),
    ],
)
async def test_the_client_is_the_last_address_that_no_proxy_has(another_gateway: Any, chain: str, seen: str) -> None:
    site: Site = await another_gateway(rate_limits=True, queue_rate_limit="50/15 minutes", trusted_proxies=_TRUSTED)
    assert (await site.send("GET", "/api/x", headers=client(chain))).headers["X-RateLimit-Remaining"] == "49"
    assert (await site.send("GET", "/api/x", headers=client(seen))).headers["X-RateLimit-Remaining"] == "48"


async def test_windows_end(redis_url: str) -> None:
    redis = kit_redis.connect(redis_url)
    now = [1_000_000.0]
    limiter = RateLimiter("2/10 seconds", "test-windows", redis.connection_pool, lambda: now[0])
    assert [(await limiter.hit("a")).remaining for _ in range(3)] == [1, 0, -1]
    allowance = await limiter.hit("a")
    assert (allowance.reset_at, allowance.wait_seconds) == (1_000_010, 10)
    now[0] += 10
    assert (await limiter.hit("a")).remaining == 1
    await redis.aclose()


async def test_several_limits_at_once() -> None:
    limiter = RateLimiter("10/minute; 2/second", "test-several")
    allowance = await limiter.hit("a")
    assert (allowance.limit, allowance.remaining) == (2, 1)


async def test_losing_redis_loosens_the_limit_and_refuses_nobody() -> None:
    gone = kit_redis.connect("redis://127.0.0.1:1")
    now = [1_000_000.0]
    limiter = RateLimiter("3/minute", "test-gone", gone.connection_pool, lambda: now[0])
    started = time.monotonic()
    assert [(await limiter.hit("a")).remaining for _ in range(4)] == [2, 1, 0, -1]
    assert time.monotonic() - started < 3, "Redis was asked again and again"
    await gone.aclose()


def test_what_counts_as_one_client() -> None:
    assert limit_key("192.0.2.1") == limit_key("::ffff:192.0.2.1") == "192.0.2.1"
    assert limit_key("2001:db8::1") == limit_key("2001:db8::ffff") != limit_key("2001:db8:0:1::1")
    assert limit_key("local") == "local"
