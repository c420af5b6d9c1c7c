"""What one address may do, beside what a plan allows: all that changes something, and never what clients poll."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.faces.runs import face
from gateway.faces.runs.buckets import BUCKETS
from tests.gateway.runs.runner import Runner, good, new_runner, refused
from tests.gateway.site import Reply, Site

_TRUSTED = (ip_network("127.0.0.0/8"),)
_POLLED = {"getTaskStatus", "getTaskResult", "watchTask", "getTaskTrace", "listActiveTasks"}


@pytest.fixture
async def limited(another_gateway: Any) -> Site:
    """A gateway with limits, over the same services."""
    site: Site = await another_gateway(rate_limits=True, trusted_proxies=_TRUSTED)
    return site


@pytest.fixture
async def busy(limited: Site) -> Runner:
    """An operator whose plan has room for everything."""
    return await new_runner(limited, "busy")


def at(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def left(reply: Reply) -> tuple[str, str]:
    reset = int(reply.headers["x-ratelimit-reset"])
    assert time.time() < reset <= time.time() + 61
    return reply.headers["x-ratelimit-limit"], reply.headers["x-ratelimit-remaining"]


def test_what_is_polled_has_no_limit_and_everything_else_has_one() -> None:
    for route in face().routes:
        chosen = BUCKETS.choose(route.method, route.path)
        name = route.name.rstrip("0123456789")
        expected = None if name in _POLLED else "attachments" if name == "uploadAttachment" else "other"
        assert chosen == expected, route
    assert BUCKETS.choose("OPTIONS", "/api/developer/run") is None


async def test_thirty_attachments_a_minute(busy: Runner) -> None:
    headers, path = at("198.51.100.1"), "/api/v1/attachments/upload"
    assert left(await busy.upload(b"x", path=path, headers=headers)) == ("30", "29")
    # Another minute may begin meanwhile, but not two.
    replies = await asyncio.gather(*(busy.upload(b"x", path=path, headers=headers) for _ in range(60)))
    assert {reply.status for reply in replies} == {200, 429}
    assert sum(reply.status == 200 for reply in replies) >= 29
    over = next(reply for reply in replies if reply.status == 429)
    assert refused(over, 429, "RATE_LIMITED") == "Attachment upload rate limit exceeded"
    assert left(over) == ("30", "0")
    assert 0 < int(over.headers["Retry-After"]) <= 60
    good(await busy.upload(b"x", path=path, headers=at("198.51.100.2")))
    good(await busy.upload(b"x", headers=headers))


async def test_three_hundred_changes_a_minute_by_whomever(limited: Site, busy: Runner) -> None:
    headers = at("198.51.100.3")
    first = await limited.send("POST", "/api/developer/run", key="pw_live_wrong", json={}, headers=headers)
    refused(first, 401, "UNAUTHORIZED")
    assert left(first) == ("300", "299")
    replies = []
    for _ in range(10):
        sending = (limited.send("POST", "/api/developer/run", key=None, json={}, headers=headers) for _ in range(60))
        replies += await asyncio.gather(*sending)
    assert {reply.status for reply in replies} == {401, 429}
    over = next(reply for reply in replies if reply.status == 429)
    assert refused(over, 429, "RATE_LIMITED") == "User rate limit exceeded"
    assert left(over) == ("300", "0")
    made = await busy.send("POST", "/api/developer/threads", json={}, headers=at("198.51.100.7"))
    assert left(made) == ("300", "299")


async def test_polls_are_never_limited(busy: Runner) -> None:
    task_id, headers = await busy.start(), at("198.51.100.4")
    replies = await asyncio.gather(
        *(busy.send("GET", f"/api/developer/status/{task_id}", headers=headers) for _ in range(350))
    )
    assert {reply.status for reply in replies} == {200}
    first = await busy.send("POST", "/api/developer/threads", json={}, headers=headers)
    assert left(first) == ("300", "299"), "no poll was counted"
    await busy.finish(task_id)


@pytest.mark.parametrize("path", ["/api/developer/status/x", "/api/developer/status/x/y", "/api/v1/stream/x/y"])
async def test_guesses_of_keys_are_limited_even_there(
    another_gateway: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert BUCKETS.strangers == "300/minute"
    monkeypatch.setitem(face.__globals__, "BUCKETS", dataclasses.replace(BUCKETS, strangers="4/day"))
    strict: Site = await another_gateway(rate_limits=True, trusted_proxies=_TRUSTED)
    known, new = await new_runner(strict, "known"), await new_runner(strict, "new")
    # The paths share one count, so each has an address of its own.
    headers, elsewhere = at(f"198.51.110.{len(path)}"), at(f"198.51.111.{len(path)}")
    assert (await known.send("GET", path, headers=headers)).status == 404
    for remaining in ("3", "2", "1", "0"):
        reply = await strict.send("GET", path, key=f"pw_live_{remaining}", headers=headers)
        refused(reply, 401, "UNAUTHORIZED")
        assert reply.headers["x-ratelimit-remaining"] == remaining
    # Now the right key cannot be told from the wrong ones, but who has shown it before is not concerned.
    for key in ("pw_live_wrong", new.key):
        over = await new.send("GET", path, key=key, headers=headers)
        refused(over, 429, "RATE_LIMITED")
        assert over.headers["x-ratelimit-remaining"] == "0"
        assert int(over.headers["Retry-After"]) > 0
    assert (await known.send("GET", path, headers=headers)).status == 404
    assert (await new.send("GET", path, headers=elsewhere)).status == 404
    # What changes something has its own limit, of which guesses took nothing.
    made = await known.send("POST", "/api/developer/threads", json={}, headers=headers)
    assert left(made) == ("300", "299")


async def test_the_limit_that_is_met_first_is_told(limited: Site) -> None:
    runner = await new_runner(limited, "small-plan")
    await runner.set_plan("free", month=3, week=1000)
    reply = await runner.send("POST", "/api/developer/threads", json={}, headers=at("198.51.100.5"))
    assert (reply.headers["x-ratelimit-limit"], reply.headers["x-ratelimit-remaining"]) == ("3", "3")
