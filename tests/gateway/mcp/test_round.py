"""The client of the official SDK goes through a whole round of the market, in each of its modes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from tests.gateway.mcp.agent import Agent, Tools

_MODES = {
    "auto": LATEST_MODERN_VERSION,
    "legacy": LATEST_HANDSHAKE_VERSION,
    LATEST_MODERN_VERSION: LATEST_MODERN_VERSION,
}
_TASK = {
    "title": "Untangle the parser",
    "description": "The parser is tangled. Untangle it, and say how.",
    "budget_credits": 200,
    "category_id": 1,
}


@pytest.mark.parametrize("mode", _MODES)
async def test_a_whole_round(poster: Agent, worker: Agent, mode: str) -> None:
    async with poster.tools(mode) as posts, worker.tools(mode) as works:
        assert posts.client.protocol_version == _MODES[mode]
        assert len((await works.client.list_tools()).tools) == 23
        start = await _credits(posts), await _credits(works)
        task = (await posts("create_task", **_TASK)).data
        assert task["status"] == "open"
        assert await _credits(posts) == start[0] - 200
        claim = await _claim(posts, works, task["id"])
        assert await _credits(posts) == start[0] - 150
        await _talk(posts, works, task["id"])
        accepted = await _deliver(posts, works, task["id"])
        assert accepted["status"] == "completed"
        assert (await _credits(posts), await _credits(works)) == (start[0] - 150, start[1] + 135)
        await _until_reputed(works, worker.id)
        assert (await works("withdraw_claim", task_id=task["id"], claim_id=claim)).code == "INVALID_STATUS"


async def _credits(tools: Tools) -> int:
    return int((await tools("get_credits")).data["credit_balance"])


async def _until_reputed(works: Tools, agent_id: int) -> None:
    """Wait until the round counts in the profile, which follows the events."""
    async with asyncio.timeout(10):
        while (profile := (await works("get_profile")).data)["tasks_completed"] == 0:
            assert profile["id"] == agent_id
    assert profile["tasks_completed"] == 1


async def _claim(posts: Tools, works: Tools, task_id: int) -> Any:
    assert task_id in [task["id"] for task in (await works("browse_tasks", category=1, sort="newest", limit=50)).data]
    assert (await works("get_task", task_id=task_id)).data["claims_count"] == 0
    assert (await posts("claim_task", task_id=task_id, proposed_credits=1)).code == "SELF_CLAIM"
    assert (await works("claim_task", task_id=task_id, proposed_credits=999)).code == "INVALID_CREDITS"
    claim = (await works("claim_task", task_id=task_id, proposed_credits=150, message="Gladly.")).data
    again = await works("bulk_claim", claims=[{"task_id": task_id, "proposed_credits": 140}])
    assert again.data["results"][0]["error"]["code"] == "DUPLICATE_CLAIM"
    listed = (await posts("list_claims", task_id=task_id)).data
    assert [(each["id"], each["status"]) for each in listed] == [(claim["id"], "pending")]
    assert (await works("accept_claim", task_id=task_id, claim_id=claim["id"])).code == "FORBIDDEN"
    assert (await posts("accept_claim", task_id=task_id, claim_id=claim["id"])).data["status"] == "accepted"
    return claim["id"]


async def _talk(posts: Tools, works: Tools, task_id: int) -> None:
    for tools, text in ((works, "How much?"), (posts, "All of it.")):
        assert (await tools("post_comment", task_id=task_id, content=text)).data["content"] == text
    assert [each["content"] for each in (await works("get_comments", task_id=task_id)).data] == [
        "How much?",
        "All of it.",
    ]


async def _deliver(posts: Tools, works: Tools, task_id: int) -> Any:
    first = (await works("submit_deliverable", task_id=task_id, content="Half of it.")).data
    assert (await works("submit_deliverable", task_id=task_id, content="More.")).code == "DELIVERY_PENDING"
    blank = await posts("request_revision", task_id=task_id, deliverable_id=first["id"], revision_notes=" ")
    assert blank.code == "VALIDATION_ERROR"
    await _revise(posts, task_id, first["id"])
    second = (await works("submit_deliverable", task_id=task_id, content="All of it.")).data
    listed = (await posts("list_deliverables", task_id=task_id)).data
    assert [each["status"] for each in listed] == ["revision_requested", "submitted"]
    return (await posts("accept_deliverable", task_id=task_id, deliverable_id=second["id"])).data


async def _revise(posts: Tools, task_id: int, deliverable_id: int) -> None:
    notes = "Please all of it."
    asked = await posts("request_revision", task_id=task_id, deliverable_id=deliverable_id, revision_notes=notes)
    assert asked.data["status"] == "revision_requested"


@pytest.mark.parametrize("mode", _MODES)
async def test_webhooks(worker: Agent, mode: str) -> None:
    async with worker.tools(mode) as works:
        made = (await works("register_webhook", url="https://example.com/hook", events=["claim.accepted"])).data
        assert made["secret"].startswith("whsec_")
        assert [each["id"] for each in (await works("list_webhooks")).data] == [made["id"]]
        assert (await works("delete_webhook", webhook_id=made["id"])).data == {"id": made["id"], "deleted": True}
        assert (await works("delete_webhook", webhook_id=made["id"])).code == "WEBHOOK_NOT_FOUND"
        assert (await works("register_webhook", url="http://example.com/", events=["claim.accepted"])).is_error


async def test_cancel_and_rollback(poster: Agent, worker: Agent) -> None:
    async with poster.tools() as posts, worker.tools() as works:
        task = (await posts("create_task", **_TASK)).data["id"]
        claim = (await works("claim_task", task_id=task, proposed_credits=100)).data["id"]
        await posts("accept_claim", task_id=task, claim_id=claim)
        assert (await posts("rollback_task", task_id=task)).data["status"] == "open"
        assert (await works("cancel_task", task_id=task)).code == "FORBIDDEN"
        assert (await posts("cancel_task", task_id=task)).data["status"] == "cancelled"
        assert (await posts("cancel_task", task_id=task)).code == "INVALID_STATUS"


async def test_search(poster: Agent, worker: Agent) -> None:
    word = f"zebra{poster.id}"
    async with poster.tools() as posts, worker.tools() as works:
        task = (await posts("create_task", **{**_TASK, "title": f"Count the {word} stripes"})).data["id"]
        assert [each["id"] for each in (await works("search_tasks", q=f"{word} stripe")).data] == [task]
        assert (await works("search_tasks", q="")).code == "INVALID_PARAMETER"


async def test_github(worker: Agent) -> None:
    async with worker.tools() as works:
        result = await works("submit_github_deliverable", task_id=999_999_999, repo_url="https://github.com/a/b")
        assert result.code == "TASK_NOT_FOUND"
