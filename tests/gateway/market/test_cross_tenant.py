"""Nobody gets at what is another's. Generated from the table of routes, so that a new route is covered by itself."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.faces import market
from gateway.routing import Access, Route
from tests.gateway.market.players import DESCRIPTION, Player, good, new_player, refused
from tests.gateway.site import Site

_ROUTES = [route for face in market.faces() for route in face.routes]
_GUARDED = [route for route in _ROUTES if route.access is not Access.OPEN]
_FOR_AGENTS = [route for route in _ROUTES if route.access is Access.AGENT]
_WRONG_KEYS = [None, "", "x", "pw_live_" + "0" * 43, "pws_" + "0" * 43, "th_agent_" + "0" * 64, "x" * 600]
# What each route needs to be well-formed; a new route with a body needs a line here, and fails without it.
_BODIES: dict[str, Any] = {
    "postTask": {"title": "A new task", "description": DESCRIPTION, "budget_credits": 10},
    "rateTask": {"rating": 1},
    "createClaims": {"claims": [{"task_id": 1, "proposed_credits": 1}]},
    "createClaim": {"proposed_credits": 1},
    "submitDeliverable": {"content": "x"},
    "requestRevision": {"revision_notes": "x"},
    "rejectDeliverable": {"reason": "x"},
    "submitGithubDeliverable": {"repo_url": "https://github.com/owner/repo"},
    "createComment": {"content": "x"},
    "createReview": {"verdict": "fail"},
    "setLlmKey": {"provider": "openai", "key": "sk-intruder"},
    "updateOwnProfile": {"description": "changed"},
    "claimAgent": {"verification_code": "hive-XXXX"},
    "createWebhook": {"url": "http://127.0.0.1:9/", "events": ["claim.accepted"]},
    "replayDeliveries": {"from": "2020-01-01T00:00:00Z"},
    "registerAgent": {"name": "intruder", "description": "intruder"},
}
# Any agent may read these: it is a market.
_PUBLIC = {
    "browseTasks",
    "searchTasks",
    "getMarketTask",
    "listClaims",
    "listDeliverables",
    "listComments",
    "getProfile",
    "getDeployStatus",
    "watchMarketTask",
}
# These touch nothing but what is the caller's own, or what is offered to everybody.
_OWN = {
    "postTask",
    "createClaim",
    "createClaims",
    "getOwnProfile",
    "updateOwnProfile",
    "listOwnClaims",
    "listOwnTasks",
    "getCredits",
    "setLlmKey",
    "deleteLlmKey",
    "createWebhook",
    "listWebhooks",
    "watchMarketEvents",
    "claimAgent",
}
_REFUSED = [route for route in _ROUTES if route.name not in _PUBLIC | _OWN and route.access is Access.AGENT]


def _name(route: Route) -> str:
    return route.name


def _request(route: Route, ids: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    options = {"json": _BODIES[route.name]} if route.body is not None else {}
    return route.path.format(**ids), options


@pytest.fixture(scope="module")
async def things(poster: Player, worker: Player) -> dict[str, Any]:
    """A task that is delivered, with a claim that was turned down, a deliverable, and a webhook of its poster."""
    task = await poster.new_task()
    await worker.claim(task["id"])
    claims = await poster.get(f"/tasks/{task['id']}/claims")
    await poster.post(f"/tasks/{task['id']}/claims/{claims[0]['id']}/accept")
    deliverable = await worker.deliver(task["id"])
    hook = {"url": "http://127.0.0.1:9/hook", "events": ["deliverable.accepted"]}
    webhook = await poster.post("/webhooks", hook, status=201)
    return {
        "taskId": task["id"],
        "claimId": claims[0]["id"],
        "deliverableId": deliverable["id"],
        "webhookId": webhook["id"],
        "agentId": poster.agent_id,
    }


async def _state(poster: Player, things: dict[str, Any]) -> Any:
    path = f"/tasks/{things['taskId']}"
    paths = (path, f"{path}/claims", f"{path}/deliverables", f"{path}/comments", "/webhooks", "/agents/me")
    return [await poster.get(each) for each in paths]


def test_every_route_with_a_body_has_one_here() -> None:
    assert {route.name for route in _ROUTES if route.body is not None} <= set(_BODIES)


@pytest.mark.parametrize("route", _GUARDED, ids=_name)
async def test_nobody_without_a_key(site: Site, things: dict[str, Any], route: Route) -> None:
    path, options = _request(route, things)
    for key in _WRONG_KEYS:
        reply = await site.send(route.method, path, key=key, **options)
        message, _ = refused(reply, 401, "UNAUTHORIZED")
        assert message == ("Invalid API key" if key else "Missing Authorization header")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", _FOR_AGENTS, ids=_name)
async def test_nobody_but_agents(site: Site, things: dict[str, Any], route: Route) -> None:
    path, options = _request(route, things)
    refused(await site.send(route.method, path, key=site.owner.key, **options), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("route", _REFUSED, ids=_name)
async def test_nobody_of_another_operator(poster: Player, other: Player, things: dict[str, Any], route: Route) -> None:
    before = await _state(poster, things)
    path, options = _request(route, things)
    reply = await other.send(route.method, path.removeprefix("/api/v1"), **options)
    assert reply.status in (403, 404), (route.name, reply.status, reply.text)
    assert reply.json["ok"] is False
    assert "The work" not in reply.text
    assert await _state(poster, things) == before


async def test_a_colleague_of_the_worker_is_not_the_worker(site: Site, worker: Player, things: dict[str, Any]) -> None:
    colleague = await new_player(site, "colleague", worker.operator)
    path = f"/tasks/{things['taskId']}"
    refused(await colleague.send("POST", f"{path}/deliverables", json={"content": "x"}), 403, "NOT_CLAIMED_BY_YOU")
    refused(await colleague.send("POST", f"{path}/claims/{things['claimId']}/withdraw"), 403, "FORBIDDEN")
    refused(await colleague.send("POST", f"{path}/comments", json={"content": "x"}), 403, "FORBIDDEN")


async def test_a_colleague_of_the_poster_acts_for_it(site: Site, poster: Player, things: dict[str, Any]) -> None:
    colleague = await new_player(site, "colleague", poster.operator)
    path = f"/tasks/{things['taskId']}"
    refused(await colleague.send("POST", f"{path}/claims", json={"proposed_credits": 5}), 409, "SELF_CLAIM")
    good(await colleague.send("POST", f"{path}/comments", json={"content": "Thanks"}), 201)
    # Webhooks are an agent's own all the same.
    refused(await colleague.send("GET", f"/webhooks/{things['webhookId']}"), 404, "WEBHOOK_NOT_FOUND")


async def test_lists_of_the_own_hold_nothing_else(other: Player, things: dict[str, Any]) -> None:
    for path in ("/agents/me/claims", "/agents/me/tasks", "/webhooks"):
        ids = {each.get("task_id", each["id"]) for each in await other.get(path)}
        assert not ids & {things["taskId"], things["webhookId"]}
