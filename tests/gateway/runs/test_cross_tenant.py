"""Nobody gets at what is another's. Generated from the table of routes, so that a new route is covered by itself."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from piecework.agents.v1 import identity_pb2

from gateway.faces import runs
from gateway.routing import Access, Route
from tests.gateway.market.players import new_player
from tests.gateway.runs.runner import MOCK, Runner, good, new_runner, refused
from tests.gateway.site import Site

_ROUTES = runs.face().routes
_GUARDED = [route for route in _ROUTES if route.access is not Access.OPEN]
_WRONG_KEYS = [None, "", "x", "pw_live_" + "0" * 43, "pws_" + "0" * 43, "th_agent_" + "0" * 64, "x" * 600]
_SECRET = "the prompt of the owner"
# What each route needs to be well-formed; a new route with a body needs a line here, and fails without it.
_BODIES: dict[str, Any] = {
    "startRun": {"prompt": "x", "options": MOCK},
    "startThreadRun": {"prompt": "x", "options": MOCK},
    "createThread": {"title": "x"},
    "approveTask": {"approved": True},
    "steerTask": {"input": "x"},
    "createKey": {},
    "revokeNamedKey": {"keyId": "{keyId}"},
    "createUpload": {"filename": "x.txt"},
    "completeUpload": {"file_id": "{fileId}"},
}
# These touch nothing but what is the caller's own.
_OWN = {
    "startRun",
    "createThread",
    "listThreads",
    "uploadAttachment",
    "uploadFile",
    "createUpload",
    "listFiles",
    "getStorage",
    "listActiveTasks",
    "getUsage",
    "listKeys",
    "createKey",
}


def plain(route: Route) -> str:
    """Return the name of a route without the number that it has under further paths."""
    return route.name.rstrip("0123456789")


def _name(route: Route) -> str:
    return route.name


def _request(route: Route, ids: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    options: dict[str, Any] = {}
    if route.body is not None:
        body = _BODIES[plain(route)]
        options["json"] = {
            name: ids.get(value[1:-1], value) if isinstance(value, str) else value for name, value in body.items()
        }
    elif route.form:
        options["data"] = aiohttp.FormData({"file": "x"})
    elif route.raw:
        options["data"] = b"x"
    return route.path.format(**ids), options


@pytest.fixture(scope="module")
async def owner(site: Site) -> Runner:
    """An operator with things."""
    return await new_runner(site, "owner-of-runs")


@pytest.fixture(scope="module")
async def things(site: Site, owner: Runner) -> dict[str, Any]:
    """A run under way, a thread, a file and a key of the owner, and a session in a project of its."""
    thread = await owner.post("/api/developer/threads", {"title": _SECRET})
    file = good(await owner.upload(_SECRET.encode(), "secret.txt"))
    task_id = await owner.start(f"[[mock delay=60]] {_SECRET}")
    keys = await owner.get("/api/developer/keys")
    body = {"name": "place-of-sessions", "description": "x"}
    project = await site.send("POST", "/api/projects", key=owner.key, json=body)
    return {
        "taskId": task_id,
        "runId": task_id.removeprefix("task_"),
        "threadId": thread["id"],
        "fileId": file["id"],
        "keyId": keys["keys"][0]["keyId"],
        "session": (await site.login(project.data["id"]))["token"],
    }


async def _state(owner: Runner, things: dict[str, Any]) -> Any:
    status = await owner.get(f"/api/developer/status/{things['taskId']}")
    thread = await owner.get(f"/api/developer/threads/{things['threadId']}")
    files = await owner.get("/api/developer/files")
    keys = await owner.get("/api/developer/keys")
    return status["status"], thread, files, keys


def test_every_route_with_a_body_has_one_here() -> None:
    assert {plain(route) for route in _ROUTES if route.body is not None} == set(_BODIES)


@pytest.mark.parametrize("route", _GUARDED, ids=_name)
async def test_nobody_without_a_key(site: Site, things: dict[str, Any], route: Route) -> None:
    for key in _WRONG_KEYS:
        path, options = _request(route, things)
        headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        reply = await site.send(route.method, path, key=None, headers=headers, **options)
        text = refused(reply, 401, "UNAUTHORIZED")
        assert text in (("Invalid or missing API key", "Invalid or expired upload token") if key else ("Unauthorized",))
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", _GUARDED, ids=_name)
async def test_no_session_of_the_queue(site: Site, owner: Runner, things: dict[str, Any], route: Route) -> None:
    before = await _state(owner, things)
    path, options = _request(route, things)
    reply = await site.send(route.method, path, key=things["session"], **options)
    refused(reply, 401, "UNAUTHORIZED")
    assert await _state(owner, things) == before


async def test_a_session_may_read_what_everybody_may(site: Site, things: dict[str, Any]) -> None:
    assert (await site.send("GET", "/api/v1/models", key=things["session"])).status == 200


@pytest.mark.parametrize("route", [route for route in _GUARDED if plain(route) not in _OWN], ids=_name)
async def test_nobody_of_another_operator(
    owner: Runner, bystander: Runner, things: dict[str, Any], route: Route
) -> None:
    before = await _state(owner, things)
    path, options = _request(route, things)
    reply = await bystander.send(route.method, path, **options)
    assert reply.status in ((401,) if route.access is Access.TICKET else (403, 404)), (route.name, reply.text)
    assert _SECRET not in reply.text
    assert await _state(owner, things) == before


async def test_lists_of_the_own_hold_nothing_else(bystander: Runner, things: dict[str, Any]) -> None:
    for path in ("threads", "files", "keys", "usage", "storage"):
        text = (await bystander.send("GET", f"/api/developer/{path}")).text
        assert _SECRET not in text
        assert str(things["keyId"]) not in text
    assert things["taskId"] not in (await bystander.send("GET", "/api/v1/tasks/active")).text


async def test_files_and_threads_of_another_operator_cannot_be_given_to_a_run(
    bystander: Runner, things: dict[str, Any]
) -> None:
    body = {"prompt": "x", "options": {**MOCK, "fileIds": [things["fileId"]]}}
    refused(await bystander.send("POST", "/api/developer/run", json=body), 404, "FILE_NOT_FOUND")
    path = f"/api/developer/threads/{things['threadId']}/runs"
    refused(await bystander.send("POST", path, json={"prompt": "x", "options": MOCK}), 404, "THREAD_NOT_FOUND")


async def test_an_agent_runs_for_its_operator(site: Site, owner: Runner, things: dict[str, Any]) -> None:
    agent = await new_player(site, "agent-of-runs", owner.operator)
    path = f"/api/developer/status/{things['taskId']}"
    reply = await site.send("GET", path, key=agent.key)
    assert reply.status in (200, 403), reply.text


async def test_a_key_that_may_only_read(site: Site, owner: Runner, things: dict[str, Any]) -> None:
    request = identity_pb2.CreateOperatorKeyRequest(operator_id=owner.operator.id, scopes=["queue:read"])
    made = await site.identities.CreateOperatorKey(request, **site.as_service())
    good(await owner.send("GET", f"/api/developer/status/{things['taskId']}", key=made.secret))
    body = {"prompt": "x", "options": MOCK}
    refused(await owner.send("POST", "/api/developer/run", json=body, key=made.secret), 403, "SCOPE_MISSING")
    cancel = f"/api/v1/tasks/{things['taskId']}/cancel"
    refused(await owner.send("POST", cancel, key=made.secret), 403, "SCOPE_MISSING")
    refused(await owner.send("POST", "/api/developer/keys", json={}, key=made.secret), 403, "SCOPE_MISSING")
    await owner.post(cancel)
