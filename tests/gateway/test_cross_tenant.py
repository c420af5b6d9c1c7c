"""Nobody gets in. Generated from the table of routes, so that a new route is covered by itself."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.faces import market, runs, tools
from gateway.faces.ops.routes import Operations
from gateway.faces.ops.routes import face as ops_face
from gateway.faces.queue.routes import ROUTES
from gateway.observation import HttpMetrics
from gateway.routing import Access, Route
from kit.metrics import new_registry
from tests.gateway.site import Site

_GUARDED = [route for route in ROUTES if route.access is Access.CREDENTIAL]
_OPEN = {
    "/",
    "/api/auth/login",
    "/api/v1/agents/register",
    "/api/v1/brief/generate",
    "/api/v1/brief/suggestions",
    "/api/v1/models",
    "/api/v1/signature/scrape-website",
    "/api/v1/signature/tagline",
    "/health",
    "/metrics",
    "/metrics/json",
    "/openapi.json",
    "/api/docs",
    "/api/docs/{asset}",
}
_MISSING, _NO_SESSION, _NO_KEY = "Authentication required", "Invalid or expired session", "Invalid or revoked key"
_WRONG_TOKENS = [
    (None, _MISSING),
    ("", _MISSING),
    ("x", _NO_SESSION),
    ("pw_live_" + "0" * 43, _NO_KEY),
    ("pw_test_" + "0" * 43, _NO_KEY),
    ("pws_" + "0" * 43, _NO_SESSION),
    ("th_agent_" + "0" * 64, _NO_KEY),
    ("th_agent_" + "0" * 600, _NO_KEY),
    ("x" * 600, _NO_SESSION),
    ("tök€n".encode("latin-1", "replace").decode("latin-1"), _NO_SESSION),
]
# What each route needs to be well-formed; a new route with a body needs a line here, and fails without it.
_BODIES: dict[str, Any] = {
    "login": {"agentName": "intruder", "projectId": "{project}"},
    "extendSession": {"extendBy": 60},
    "createProject": {"name": "intruder", "description": "x"},
    "updateProject": {"description": "changed", "status": "closed"},
    "createTaskType": {"name": "intruder"},
    "updateTaskType": {"template": "changed"},
    "createTask": {"typeId": "{type}", "instructions": "intruder"},
    "createTasks": {"tasks": [{"typeId": "{type}"}]},
    "updateTask": {"instructions": "changed"},
    "nextTask": {"projectId": "{project}"},
    "completeTask": {"result": "x", "agentName": "holder"},
    "failTask": {"error": "x", "agentName": "holder"},
    "extendLease": {"extensionMinutes": 5, "agentName": "holder"},
}
# These touch nothing but what is the caller's own.
_OWN = {"listProjects", "createProject", "logout", "getSession", "extendSession"}


def _name(route: Route) -> str:
    return route.name


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, ids) for item in value]
    return value.format(**ids) if isinstance(value, str) else value


def _request(route: Route, ids: dict[str, str]) -> tuple[str, dict[str, Any]]:
    values = {
        "projectId": ids["project"],
        "taskId": ids["task"],
        "typeId": ids["type"],
        "batchId": "batch",
        "agentName": "holder",
    }
    options = {"json": _filled(_BODIES[route.name], ids)} if route.body is not None else {}
    return route.path.format(**values), options


@pytest.fixture(scope="module")
async def things(site: Site) -> dict[str, str]:
    """A project of the owner with a type, a task that is held, and one that waits."""
    project = await site.project()
    kind = await site.task_type(project["id"])
    task = await site.task(project["id"], kind["id"], instructions="held", batchId="batch")
    await site.task(project["id"], kind["id"], instructions="waits", batchId="batch")
    body = {"projectId": project["id"]}
    assert (await site.send("POST", "/api/agents/holder/next-task", json=body)).data["id"] == task["id"]
    return {"project": project["id"], "type": kind["id"], "task": task["id"]}


async def _state(site: Site, things: dict[str, str]) -> Any:
    project = things["project"]
    replies = [
        await site.send("GET", path)
        for path in (
            f"/api/projects/{project}",
            f"/api/projects/{project}/task-types",
            f"/api/projects/{project}/tasks",
            f"/api/projects/{project}/agents",
        )
    ]
    return [reply.data for reply in replies]


def test_only_the_documented_routes_are_open() -> None:
    registry = new_registry()
    faces = (*market.faces(), runs.face(), tools.face(), ops_face(Operations(registry, HttpMetrics(registry))))
    routes = (*ROUTES, *(route for face in faces for route in face.routes))
    assert {route.path for route in routes if route.access is Access.OPEN} == _OPEN


@pytest.mark.parametrize("route", _GUARDED, ids=_name)
async def test_nobody_without_a_token(site: Site, things: dict[str, str], route: Route) -> None:
    path, options = _request(route, things)
    for token, message in _WRONG_TOKENS:
        reply = await site.send(route.method, path, key=token, **options)
        assert reply.status == 401, (route.name, token, reply.text)
        assert reply.json["error"] == message
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", _GUARDED, ids=_name)
async def test_no_other_scheme(site: Site, things: dict[str, str], route: Route) -> None:
    path, options = _request(route, things)
    reply = await site.send(route.method, path, headers={"Authorization": f"Basic {site.owner.key}"}, **options)
    assert (reply.status, reply.json["error"]) == (401, "Authentication required")


@pytest.mark.parametrize("route", [route for route in _GUARDED if route.name not in _OWN], ids=_name)
@pytest.mark.parametrize("kind", ["key", "session"])
async def test_nobody_of_another_operator(site: Site, things: dict[str, str], route: Route, kind: str) -> None:
    before = await _state(site, things)
    path, options = _request(route, things)
    reply = await site.send(route.method, path, key=await _stranger(site, kind), **options)
    assert reply.status in (403, 404), (route.name, reply.status, reply.text)
    assert reply.json["success"] is False
    for secret in (things["type"], "waits", "held"):
        assert secret not in reply.json["error"]
    assert await _state(site, things) == before


async def test_a_strangers_list_is_empty(site: Site, things: dict[str, str]) -> None:
    for kind in ("key", "session"):
        listed = await site.send("GET", "/api/projects?limit=100", key=await _stranger(site, kind))
        assert things["project"] not in [project["id"] for project in listed.data]


async def test_a_stranger_may_not_add_tasks_of_a_foreign_type(site: Site, things: dict[str, str]) -> None:
    body = {"name": "mine", "description": "x"}
    mine = await site.send("POST", "/api/projects", key=site.stranger.key, json=body)
    path = f"/api/projects/{mine.data['id']}/tasks"
    reply = await site.send("POST", path, key=site.stranger.key, json={"typeId": things["type"]})
    assert reply.status in (403, 404)
    bulk = await site.send("POST", f"{path}/bulk", key=site.stranger.key, json={"tasks": [{"typeId": things["type"]}]})
    assert bulk.status in (403, 404) or bulk.data["tasksCreated"] == 0
    await site.send("DELETE", f"/api/projects/{mine.data['id']}", key=site.stranger.key)


async def test_a_foreign_key_does_not_open_a_project_by_name(site: Site, things: dict[str, str]) -> None:
    project = (await site.send("GET", f"/api/projects/{things['project']}")).data
    body = {"agentName": "w", "projectId": project["name"]}
    assert (await site.send("POST", "/api/auth/login", key=None, json=body)).status == 404
    assert (await site.send("POST", "/api/auth/login", key=site.stranger.key, json=body)).status == 404
    assert (await site.send("POST", "/api/auth/login", json=body)).status == 200


_sessions: dict[str, str] = {}


async def _stranger(site: Site, kind: str) -> str:
    if kind == "key":
        return site.stranger.key
    if kind not in _sessions:
        body = {"name": "strangers-place", "description": "x"}
        project = await site.send("POST", "/api/projects", key=site.stranger.key, json=body)
        _sessions[kind] = (await site.login(project.data["id"], "stranger"))["token"]
    return _sessions[kind]
