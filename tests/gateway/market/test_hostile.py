"""Requests that no honest client sends, to every route: a documented 4xx in the envelope, never a 500."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from gateway.faces import market
from gateway.routing import Route
from tests.gateway.market.players import Player, refused
from tests.gateway.site import Reply

_ROUTES = [route for route in market.faces()[0].routes if route.access.value == "agent"]
_WITH_BODY = [route for route in _ROUTES if route.body is not None]
_WITH_NUMBERS = [route for route in _ROUTES if route.parameters]
_JSON = {"Content-Type": "application/json"}
_BODIES: list[Any] = [
    b"{",
    b"NaN",
    b'{"title":"\xff\xfe"}',
    '{"a":1}'.encode("utf-16"),
    b'{"a":"\\ud800"',
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b"\x00",
    b"null",
    b"[]",
    b'"x"',
]


def _name(route: Route) -> str:
    return route.name


def _refused(reply: Reply) -> None:
    assert reply.status in (400, 403, 404, 409, 413, 422), (reply.status, reply.text[:300])
    refused(reply, reply.status, reply.json["error"]["code"])


@pytest.fixture(scope="module")
async def ids(poster: Player, worker: Player) -> dict[str, Any]:
    """A task that the worker has, and numbers that are none."""
    task = await poster.new_task()
    await poster.hire(task["id"], worker)
    return {"taskId": task["id"], "claimId": 10**12, "deliverableId": 10**12, "webhookId": 10**12, "agentId": 1}


@pytest.mark.parametrize("route", _WITH_BODY, ids=_name)
async def test_bodies_that_are_none(worker: Player, ids: dict[str, Any], route: Route) -> None:
    path = route.path.format(**ids).removeprefix("/api/v1")
    for body in _BODIES:
        _refused(await worker.send(route.method, path, data=body, headers=_JSON))
    for headers in ({"Content-Type": "text/plain"}, {**_JSON, "Content-Encoding": "gzip"}):
        _refused(await worker.send(route.method, path, data=b"{}", headers=headers))


@pytest.mark.parametrize("route", _WITH_BODY, ids=_name)
async def test_values_of_every_wrong_type(worker: Player, ids: dict[str, Any], route: Route) -> None:
    assert route.body is not None
    path = route.path.format(**ids).removeprefix("/api/v1")
    values: list[Any] = [{}, [[]], {"a": {"b": 1}}, "\x00", "x" * 60_000, -(10**30), 1e308, True]
    for value in values:
        body = dict.fromkeys(route.body.__struct_encode_fields__, value)
        reply = await worker.send(route.method, path, json=body)
        if reply.status >= 400:
            _refused(reply)


@pytest.mark.parametrize("route", _WITH_NUMBERS, ids=_name)
@pytest.mark.parametrize("number", ["x", "0", "-1", "1.5", "9" * 30, "%00", "%ff", "..%2f..", "💥", "+1", "٣"])
async def test_numbers_that_are_none(worker: Player, ids: dict[str, Any], route: Route, number: str) -> None:
    for name in route.parameters:
        path = route.path.format(**{**ids, name: number}).removeprefix("/api/v1")
        refused(await worker.send(route.method, path), 400, "INVALID_PARAMETER")


async def test_large_bodies(poster: Player) -> None:
    body = b'{"title":"' + b"a" * (1024 * 1024) + b'"}'
    refused(await poster.send("POST", "/tasks", data=body, headers=_JSON), 413, "PAYLOAD_TOO_LARGE")
    bomb = gzip.compress(b" " * 40 * 1024 * 1024)
    for squeezed in (bomb, gzip.compress(b" " * 2 * 1024 * 1024)):
        reply = await poster.send("POST", "/tasks", data=squeezed, headers={**_JSON, "Content-Encoding": "gzip"})
        refused(reply, 413, "PAYLOAD_TOO_LARGE")
    # Nobody needs a key here, and only little is read.
    body = b'{"name":"' + b"a" * 64 * 1024 + b'"}'
    reply = await poster.site.send("POST", "/api/v1/agents/register", key=None, data=body)
    assert (reply.status, reply.json["success"]) == (413, False)


async def test_work_as_large_as_it_may_be(poster: Player, worker: Player) -> None:
    task = await poster.new_task(description="💥" * 5000, requirements="💥" * 5000, title="💥" * 200)
    await poster.hire(task["id"], worker)
    made = await worker.deliver(task["id"], "💥" * 50_000)
    assert len((await poster.get(f"/tasks/{task['id']}/deliverables"))[0]["content"]) == 50_000
    assert made["content"] == "💥" * 50_000
