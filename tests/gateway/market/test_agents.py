"""Profiles, registration, money, keys and webhooks of agents."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from piecework.agents.v1 import registry_pb2
from piecework.agents.v1.registry_pb2_grpc import RegistryServiceStub

from tests.gateway.market.players import TIME, Player, good, new_player, refused
from tests.gateway.site import Reply, Site


async def test_the_own_profile(site: Site) -> None:
    agent = await new_player(site, "profile", balance=5)
    shown = await agent.get("/agents/me")
    balance = shown["operator"].pop("credit_balance")
    assert balance >= 5
    assert TIME.fullmatch(shown.pop("created_at"))
    assert shown == {
        "id": agent.agent_id,
        "name": agent.name,
        "description": "",
        "capabilities": [],
        "category_ids": [],
        "hourly_rate_credits": None,
        "status": "active",
        "reputation_score": 50.0,
        "tasks_completed": 0,
        "avg_rating": None,
        "operator_id": agent.operator.id,
        "operator": {"id": agent.operator.id, "name": agent.operator.name},
    }
    body = {"description": "Writes", "capabilities": ["python"], "category_ids": [1], "hourly_rate_credits": 0, "x": 1}
    changed = good(await agent.send("PATCH", "/agents/me", json=body))
    assert (changed["description"], changed["capabilities"], changed["hourly_rate_credits"]) == (
        "Writes",
        ["python"],
        0,
    )
    changed = good(await agent.send("PATCH", "/agents/me", json={"capabilities": []}))
    assert (changed["description"], changed["capabilities"], changed["category_ids"]) == ("Writes", [], [1])


async def test_the_public_profile(worker: Player, poster: Player) -> None:
    shown = await poster.get(f"/agents/{worker.agent_id}")
    assert set(shown) == {
        "id",
        "name",
        "description",
        "capabilities",
        "status",
        "reputation_score",
        "tasks_completed",
        "avg_rating",
        "recent_reviews",
        "created_at",
    }
    assert isinstance(shown["reputation_score"], float)


async def test_pages_of_the_own_history(site: Site) -> None:
    agent = await new_player(site, "history", balance=1000)
    tasks = [(await agent.new_task(budget_credits=10))["id"] for _ in range(12)]
    reply = await agent.send("GET", "/agents/me/credits")
    shown, meta = good(reply), reply.json["meta"]
    assert len(shown["transactions"]) == meta["count"] == 10
    assert meta["has_more"] is True
    rest = await agent.get(f"/agents/me/credits?limit=100&cursor={meta['cursor']}")
    lines = shown["transactions"] + rest["transactions"]
    held = [line["task_id"] for line in lines if line["type"] == "hold"]
    assert held == tasks[::-1]
    assert shown["transactions"][0]["balance_after"] == shown["credit_balance"]
    assert shown["held_credits"] == 120


async def test_registration_and_claim(site: Site) -> None:
    name = f"Bot-{uuid.uuid4().hex[:8]}"
    body = {"name": name, "description": "Does things"}
    reply = await site.send("POST", "/api/v1/agents/register", key=None, json=body)
    assert reply.status == 201
    assert set(reply.json) == {"success", "agent"}
    agent = reply.json["agent"]
    assert re.fullmatch(r"th_agent_[0-9a-f]{64}", agent["api_key"])
    assert re.fullmatch(r"hive-[A-Z0-9]+", agent["verification_code"])
    assert (agent["name"], agent["status"]) == (name.lower(), "pending_claim")
    assert agent["profile_url"].endswith(f"/agents/{agent['id']}")
    assert TIME.fullmatch(agent["created_at"])
    early = await site.send("GET", "/api/v1/agents/me", key=agent["api_key"])
    assert refused(early, 403, "PENDING_CLAIM")[0] == "Agent has not been claimed yet"
    assert "X-RateLimit-Limit" not in early.headers
    claim = {"verification_code": agent["verification_code"]}
    claimed = good(await site.send("POST", "/api/v1/agents/claim", json=claim))
    assert (claimed["id"], claimed["status"], claimed["operator_id"]) == (agent["id"], "active", site.owner.id)
    me = await site.eventually("GET", "/api/v1/agents/me", 200, key=agent["api_key"])
    assert me.data["operator_id"] == site.owner.id
    again = await site.send("POST", "/api/v1/agents/claim", json=claim)
    refused(again, 404, "VERIFICATION_CODE_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ab", "description": "Does things"},
        {"name": "a b c", "description": "Does things"},
        {"name": "x" * 31, "description": "Does things"},
        {"name": "fine-name", "description": "x"},
        {"name": "fine-name", "description": "x" * 501},
        {"description": "Does things"},
        {"name": 5, "description": "Does things"},
        {},
        [],
    ],
)
async def test_registrations_that_are_refused(site: Site, body: Any) -> None:
    _unregistered(await site.send("POST", "/api/v1/agents/register", key=None, json=body), 400)


async def test_a_name_can_be_registered_once(site: Site) -> None:
    body = {"name": f"once-{uuid.uuid4().hex[:8]}", "description": "Does things"}
    assert (await site.send("POST", "/api/v1/agents/register", key=None, json=body)).status == 201
    _unregistered(await site.send("POST", "/api/v1/agents/register", key=None, json=body), 409)
    _unregistered(await site.send("POST", "/api/v1/agents/register", key=None, data=b"{"), 400)


def _unregistered(reply: Reply, status: int) -> None:
    assert reply.status == status, reply.text
    assert set(reply.json) == {"success", "error", "detail"}
    assert reply.json["success"] is False
    assert reply.json["error"] == reply.json["detail"]
    assert reply.json["error"]


async def test_who_may_not_act(site: Site) -> None:
    agent = await new_player(site, "paused")
    good(await agent.send("GET", "/agents/me"))
    registry: Any = RegistryServiceStub(site.platform.channels.get("agents"))
    for status, word in (
        (registry_pb2.AGENT_STATUS_SUSPENDED, "suspended"),
        (registry_pb2.AGENT_STATUS_PAUSED, "paused"),
    ):
        request = registry_pb2.SetAgentStatusRequest(agent_id=agent.agent_id, status=status)
        await registry.SetAgentStatus(request, **site.as_service())
        reply = await site.eventually("GET", "/api/v1/agents/me", 403, key=agent.key)
        assert refused(reply, 403, "FORBIDDEN") == (f"Agent is {word}", "Contact your account administrator")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "Missing Authorization header"),
        ("th_agent_" + "0" * 64, "Invalid API key"),
        ("th_agent_x", "Invalid API key"),
        ("nonsense", "Invalid API key"),
        ("x" * 600, "Invalid API key"),
    ],
)
async def test_credentials(site: Site, key: str | None, message: str) -> None:
    reply = await site.send("GET", "/api/v1/agents/me", key=key)
    said = refused(reply, 401, "UNAUTHORIZED")
    assert said[0] == message
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_keys_for_reviews(site: Site, poster: Player) -> None:
    agent = await new_player(site, "keys")
    body = {"provider": "openai", "key": "sk-secret-of-the-worker"}
    assert await agent.post("/agents/me/llm-settings", body) == {"provider": "openai", "key_stored": True}
    task = await poster.new_task(
        auto_review_enabled=True,
        poster_llm_provider="anthropic",
        poster_llm_key="sk-secret-of-the-poster",
        poster_max_reviews=1,
    )
    assert "secret" not in str(task)
    await poster.hire(task["id"], agent)
    path = f"/tasks/{task['id']}"
    mine, theirs = await agent.get(f"{path}/review-config"), await poster.get(f"{path}/review-config")
    assert (mine["freelancer_llm_key"], mine["poster_llm_key"]) == ("sk-secret-of-the-worker", None)
    assert (theirs["freelancer_llm_key"], theirs["poster_llm_key"]) == (None, "sk-secret-of-the-poster")
    assert theirs["poster_key_usable"] is True
    made = await agent.deliver(task["id"])
    review = {
        "deliverable_id": made["id"],
        "verdict": "pass",
        "feedback": "Good",
        "scores": {"quality": 9},
        "key_source": "poster",
        "llm_model_used": "model",
        "reviewed_at": "2026-01-01T00:00:00Z",
    }
    stored = await poster.post(f"{path}/reviews", review, status=201)
    for newer, older in (("review_result", "verdict"), ("review_scores", "scores"), ("review_feedback", "feedback")):
        assert stored[newer] == stored[older] == review[older]
    assert stored["review_key_source"] == "poster"
    assert stored["reviewed_at"] == "2026-01-01T00:00:00.000Z"
    assert stored["poster_reviews_used"] == 1
    assert (await poster.get(f"{path}/review-config"))["poster_limit_reached"] is True
    gone = good(await agent.send("DELETE", "/agents/me/llm-settings"))
    assert gone == {"provider": None, "key_stored": False}
    assert (await agent.get(f"{path}/review-config"))["freelancer_key_available"] is False


async def test_webhooks(site: Site) -> None:
    agent = await new_player(site, "hooked")
    body = {"url": "http://127.0.0.1:9/hook", "events": ["claim.accepted"]}
    reply = await agent.send("POST", "/webhooks", json=body)
    made = good(reply, 201)
    assert reply.json["meta"]["note"].startswith("Save the secret — it won't be shown again. ")
    secret = made.pop("secret")
    assert re.fullmatch(r"whsec_[0-9a-f]{48}", secret)
    assert set(made) == {"id", "url", "events", "is_active", "created_at"}
    listed = await agent.send("GET", "/webhooks")
    shown = good(listed)[0]
    assert listed.json["meta"]["count"] == 1
    assert {**made, "failure_count": 0, "last_triggered_at": None, "secret_prefix": secret[:8]} == shown
    path = f"/webhooks/{made['id']}"
    assert await agent.get(path) == shown
    rotated = await agent.post(f"{path}/rotate-secret")
    assert rotated["secret"] != secret
    assert TIME.fullmatch(rotated["old_secret_valid_until"])
    reply = await agent.send("GET", f"{path}/deliveries?state=dead&limit=5")
    assert (good(reply), reply.json["meta"]["has_more"]) == ([], False)
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02"}
    assert await agent.post(f"{path}/replay", span) == {"replayed": 0}
    refused(await agent.send("POST", f"{path}/replay", json={}), 422, "VALIDATION_ERROR")
    refused(await agent.send("POST", f"{path}/replay", json={"from": "x"}), 422, "VALIDATION_ERROR")
    missing = await agent.send("POST", f"{path}/replay", json={"delivery_ids": ["nothing"]})
    refused(missing, 404, "DELIVERY_NOT_FOUND")
    assert good(await agent.send("DELETE", path)) == {"id": made["id"], "deleted": True}
    refused(await agent.send("GET", path), 404, "WEBHOOK_NOT_FOUND")
