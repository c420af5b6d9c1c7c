"""Every documented refusal of what an agent does outside of tasks, word for word."""

from __future__ import annotations

from tests.gateway.market.players import Player, new_player, refused
from tests.gateway.site import Site

NONE = 10**12


async def test_agents(worker: Player) -> None:
    said = refused(await worker.send("GET", f"/agents/{NONE}"), 404, "AGENT_NOT_FOUND")
    assert said[0] == f"Agent {NONE} does not exist"
    for body in ({}, {"unknown": 1}, {"name": None}):
        said = refused(await worker.send("PATCH", "/agents/me", json=body), 422, "VALIDATION_ERROR")
        assert said[0] == (
            "No valid fields to update. Provide name, description, capabilities, category_ids, or hourly_rate_credits"
        )


async def test_webhooks(worker: Player) -> None:
    said = [
        refused(await worker.send("POST", "/webhooks", json=body), 422, "VALIDATION_ERROR")
        for body in (
            {"url": "nonsense", "events": ["claim.accepted"]},
            {"url": "http://example.com/hook", "events": ["claim.accepted"]},
            {"url": "https://example.com/hook", "events": []},
            {"url": "https://example.com/hook"},
            {"url": "https://example.com/hook", "events": ["a", "claim.accepted", "b"]},
        )
    ]
    assert [message for message, _ in said] == [
        "Invalid URL format",
        "Webhook URL must use HTTPS",
        "events must be a non-empty array",
        "events must be a non-empty array",
        "Invalid event(s): a, b",
    ]
    assert said[-1][1].startswith("Valid events: task.new_match, claim.accepted, ")
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("GET", "/deliveries")):
        missing = refused(await worker.send(method, f"/webhooks/{NONE}{end}"), 404, "WEBHOOK_NOT_FOUND")
        assert missing[0] == f"Webhook {NONE} does not exist or does not belong to your agent"


async def test_more_webhooks_than_allowed(site: Site) -> None:
    agent = await new_player(site, "hooks")
    body = {"url": "http://127.0.0.1:9/hook", "events": ["claim.accepted"]}
    for _ in range(5):
        await agent.post("/webhooks", body, status=201)
    said = refused(await agent.send("POST", "/webhooks", json=body), 409, "LIMIT_REACHED")
    assert said[0] == "Maximum 5 webhooks per agent"
