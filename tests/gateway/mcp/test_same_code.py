"""A tool and the route that it stands for are the same code: the same answers, limits, keys and records."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.app import GatewayResources
from tests.gateway.mcp.agent import Agent
from tests.gateway.site import Site

_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
_TASK: dict[str, Any] = {
    "title": "Feed the cat",
    "description": "The cat is hungry. Feed it, please.",
    "budget_credits": 10,
}


def _lasting(envelope: Any) -> Any:
    """Return an envelope without what differs between two calls."""
    meta = {name: value for name, value in envelope["meta"].items() if name not in ("timestamp", "request_id")}
    return {**envelope, "meta": meta}


@pytest.mark.parametrize(
    ("tool", "arguments", "method", "path", "body"),
    [
        ("browse_tasks", {"limit": 3}, "GET", "/tasks?limit=3", None),
        ("browse_tasks", {"limit": 0}, "GET", "/tasks?limit=0", None),
        ("browse_tasks", {"sort": "best"}, "GET", "/tasks?sort=best", None),
        ("browse_tasks", {"status": "nonsense"}, "GET", "/tasks?status=nonsense", None),
        ("browse_tasks", {"cursor": "garbage"}, "GET", "/tasks?cursor=garbage", None),
        ("search_tasks", {"q": "x" * 300}, "GET", f"/tasks/search?q={'x' * 300}", None),
        ("get_task", {"task_id": 999_999_999}, "GET", "/tasks/999999999", None),
        ("get_task", {"task_id": 0}, "GET", "/tasks/0", None),
        ("get_task", {"task_id": "search"}, "GET", "/tasks/x", None),
        ("get_task", {}, "GET", "/tasks/x", None),
        ("create_task", {}, "POST", "/tasks", {}),
        ("create_task", {**_TASK, "title": "x"}, "POST", "/tasks", {**_TASK, "title": "x"}),
        ("create_task", {**_TASK, "budget_credits": "a lot"}, "POST", "/tasks", {**_TASK, "budget_credits": "a lot"}),
        ("create_task", {**_TASK, "budget_credits": 10**9}, "POST", "/tasks", {**_TASK, "budget_credits": 10**9}),
        ("create_task", {**_TASK, "category_id": 99}, "POST", "/tasks", {**_TASK, "category_id": 99}),
        ("create_task", {**_TASK, "deadline": "2001-01-01"}, "POST", "/tasks", {**_TASK, "deadline": "2001-01-01"}),
        ("claim_task", {"task_id": 999_999_999}, "POST", "/tasks/999999999/claims", {}),
        ("bulk_claim", {"claims": []}, "POST", "/tasks/bulk/claims", {"claims": []}),
        ("bulk_claim", {}, "POST", "/tasks/bulk/claims", {}),
        ("cancel_task", {"task_id": 999_999_999}, "POST", "/tasks/999999999/cancel", None),
        (
            "post_comment",
            {"task_id": 999_999_999, "content": "x"},
            "POST",
            "/tasks/999999999/comments",
            {"content": "x"},
        ),
        ("get_profile", {}, "GET", "/agents/me", None),
        ("get_credits", {}, "GET", "/agents/me/credits", None),
        ("list_webhooks", {}, "GET", "/webhooks", None),
        ("register_webhook", {"url": "x", "events": []}, "POST", "/webhooks", {"url": "x", "events": []}),
        ("delete_webhook", {"webhook_id": 999_999_999}, "DELETE", "/webhooks/999999999", None),
    ],
)
async def test_the_envelope_is_that_of_rest(
    worker: Agent, tool: str, arguments: dict[str, Any], method: str, path: str, body: Any
) -> None:
    result = await worker.use(tool, **arguments)
    reply = await worker.rest(method, path, **({} if body is None else {"json": body}))
    assert _lasting(result.envelope) == _lasting(reply.json)
    assert result.is_error == (reply.status >= 400)


async def test_unknown_arguments_are_refused_and_named(poster: Agent) -> None:
    result = await poster.use("create_task", **_TASK, requirements="none", poster_llm_key="k")
    assert result.code == "VALIDATION_ERROR"
    assert "requirements, poster_llm_key" in result.envelope["error"]["message"]
    assert "budget_credits" in result.envelope["error"]["suggestion"]


async def test_an_idempotency_key_goes_along(poster: Agent) -> None:
    headers = {"Idempotency-Key": f"cat-{poster.id}"}
    first = await poster.use("create_task", headers, **_TASK)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_task", "arguments": _TASK}}
    again = await poster.post(message, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert f'\\"id\\": {first.data["id"]},' in again.text
    over_rest = await poster.rest("POST", "/tasks", json=_TASK, headers=headers)
    assert (over_rest.status, over_rest.data["id"]) == (201, first.data["id"])
    other = await poster.use("create_task", headers, **{**_TASK, "title": "Feed the dog"})
    assert other.code == "IDEMPOTENCY_KEY_MISMATCH"


async def test_a_tool_call_counts_once_and_nothing_else_does(
    worker: Agent, another_gateway: Callable[..., Awaitable[Site]]
) -> None:
    limited = await another_gateway(rate_limits=True, trusted_proxies=(ip_network("127.0.0.0/8"),))
    agent = Agent(limited, worker.id, worker.operator_id, worker.key)
    # An address of its own: others may use up what is left to this machine.
    headers = {"X-Forwarded-For": f"203.0.113.{worker.id % 250}"}
    for _ in range(3):
        assert "X-RateLimit-Remaining" not in (await agent.post(_LIST, headers=headers)).headers
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_profile", "arguments": {}}}
    answers = [await agent.post(message, headers=headers) for _ in range(3)]
    assert [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers] == [99, 98, 97]
    over_rest = await agent.rest("GET", "/agents/me", headers=headers)
    assert int(over_rest.headers["X-RateLimit-Remaining"]) == 96
    results = [await agent.use("get_profile", headers) for _ in range(97)]
    assert [result.is_error for result in results] == [False] * 96 + [True]
    assert results[-1].code == "RATE_LIMITED"


async def test_an_address_that_floods_is_stopped_before_its_messages_are_read(
    another_gateway: Callable[..., Awaitable[Site]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["gateway.faces.mcp.face"], "_RATE", "3/day")
    limited = await another_gateway(rate_limits=True, trusted_proxies=(ip_network("127.0.0.0/8"),))
    headers = {"X-Forwarded-For": "198.51.102.1", "Accept": "*/*", "Content-Type": "application/json"}
    replies = [await limited.send("POST", "/api/v1/mcp", key="x", data=b"{", headers=headers) for _ in range(4)]
    assert [reply.status for reply in replies[:3]] == [400] * 3
    assert (replies[3].status, replies[3].json["error"]["code"], replies[3].json["id"]) == (429, -32000, None)
    assert int(replies[3].headers["Retry-After"]) > 0


async def test_a_tool_call_is_counted_under_its_route(site: Site, worker: Agent) -> None:
    resources: GatewayResources = site.resources
    labels = {"method": "GET", "route": "/api/v1/agents/me", "status": "200"}
    before = resources.registry.get_sample_value("piecework_http_requests_total", labels) or 0
    await worker.use("get_profile")
    assert resources.registry.get_sample_value("piecework_http_requests_total", labels) == before + 1
