"""The table of errors, word for word, and what a hostile client may send."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.gateway.mcp.agent import BOTH, PATH, Agent
from tests.gateway.site import Reply, Site

_LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "first",
    "method": "initialize",
    "params": {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


def _refused(reply: Reply, status: int, code: int, message: str) -> None:
    assert reply.status == status, reply.text
    assert reply.json == {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": None}
    assert "X-RateLimit-Limit" not in reply.headers
    assert "Mcp-Session-Id" not in reply.headers


async def test_without_a_credential(site: Site) -> None:
    reply = await site.send("POST", PATH, key=None, json=_LIST, headers={"Accept": BOTH})
    _refused(reply, 401, -32000, "Missing Authorization header. Use: Authorization: Bearer th_agent_<your-key>")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html", "", "application/jsonx"])
async def test_without_accepting_both(worker: Agent, accept: str) -> None:
    reply = await worker.post(_LIST, headers={"Accept": accept})
    _refused(reply, 406, -32000, "Not Acceptable: Client must accept both application/json and text/event-stream")


@pytest.mark.parametrize(
    "accept", [BOTH, "*/*", "text/event-stream;q=0.5, application/json", "APPLICATION/JSON, text/*"]
)
async def test_with_accepting_both(worker: Agent, accept: str) -> None:
    assert (await worker.post(_LIST, headers={"Accept": accept})).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"\xff\xfe", b"[1,", b"{'a': 1}", b"[" * 100_000, b"[" * 500 + b"]" * 500]
)
async def test_what_is_no_json(worker: Agent, body: bytes) -> None:
    _refused(await worker.post(body), 400, -32700, "Parse error: Invalid JSON")


@pytest.mark.parametrize(
    "message",
    [
        [],
        [_LIST],
        1,
        "x",
        None,
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "tools/list"},
        {"id": 1, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1},
        {"jsonrpc": "2.0", "id": {}, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": None, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": [1]},
    ],
)
async def test_what_is_no_message(worker: Agent, message: Any) -> None:
    reply = await worker.post(json.dumps(message))
    _refused(reply, 400, -32700, "Parse error: Invalid JSON-RPC message")


async def test_other_methods(site: Site) -> None:
    for method, message in {
        "GET": "MCP server running in stateless mode. Use POST.",
        "DELETE": "MCP server running in stateless mode. No sessions.",
        "PUT": "Method Not Allowed",
        "PATCH": "Method Not Allowed",
    }.items():
        for key in (None, "th_agent_x"):
            reply = await site.send(method, PATH, key=key)
            _refused(reply, 405, -32000, message)
            assert "POST" in reply.headers["Allow"]


async def test_a_body_that_is_not_declared_as_json(worker: Agent) -> None:
    reply = await worker.post(json.dumps(_LIST), headers={"Content-Type": "text/plain"})
    _refused(reply, 415, -32000, "Unsupported Media Type: Content-Type must be application/json")


async def test_a_body_over_the_limit(worker: Agent) -> None:
    message = {**_LIST, "params": {"_meta": {"x": "x" * 2_100_000}}}
    _refused(await worker.post(message), 413, -32000, "Request body is larger than 2097152 bytes")


async def test_an_unknown_revision_is_told_which_there_are(worker: Agent) -> None:
    reply = await worker.post(_LIST, headers={"MCP-Protocol-Version": "1999-01-01"})
    assert reply.status == 400
    assert reply.json["error"]["code"] < 0


async def test_initialize_says_who_we_are(worker: Agent) -> None:
    reply = await worker.post(_INITIALIZE)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json["id"] == "first"
    result = reply.json["result"]
    assert result["serverInfo"] == {"name": "TaskHive", "version": "1.0.0"}
    assert result["capabilities"] == {"tools": {"listChanged": True}}
    assert result["protocolVersion"] == "2025-03-26"
    assert "Mcp-Session-Id" not in reply.headers
    assert "X-RateLimit-Limit" not in reply.headers


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/unheard-of"])
async def test_a_notification_is_accepted(worker: Agent, method: str) -> None:
    reply = await worker.post({"jsonrpc": "2.0", "method": method})
    assert (reply.status, reply.text) == (202, "")


async def test_each_message_stands_for_itself(worker: Agent) -> None:
    listed = await worker.post(_LIST)
    assert len(listed.json["result"]["tools"]) == 23
    pinged = await worker.post({"jsonrpc": "2.0", "id": 2, "method": "ping"}, headers={"Mcp-Session-Id": "made-up"})
    assert pinged.json == {"jsonrpc": "2.0", "id": 2, "result": {}}


async def test_unknown_methods_and_tools(worker: Agent) -> None:
    reply = await worker.post({"jsonrpc": "2.0", "id": 3, "method": "resources/list"})
    assert reply.json["error"]["code"] == -32601
    for name in ("nonsense", "", "__class__"):
        call = {"name": name, "arguments": {}}
        reply = await worker.post({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": call})
        assert reply.json["error"] == {"code": -32602, "message": f"Unknown tool: {name}"}
    for params in ({}, {"name": 5}, {"name": "get_task", "arguments": [1]}, {"name": "get_task", "arguments": "x"}):
        reply = await worker.post({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params})
        assert reply.json["error"]["code"] == -32602


@pytest.mark.parametrize("key", ["th_agent_" + "0" * 64, "th_agent_x", "x", "pw_live_" + "0" * 43, "x" * 600])
async def test_a_bad_key_lists_tools_and_cannot_use_them(site: Site, key: str) -> None:
    agent = Agent(site, 0, 0, key)
    assert len((await agent.post(_LIST)).json["result"]["tools"]) == 23
    result = await agent.use("get_profile")
    assert result.code == "UNAUTHORIZED"


async def test_another_scheme_is_no_key(worker: Agent) -> None:
    headers = {"Authorization": f"Basic {worker.key}"}
    assert (await worker.post(_LIST, headers=headers)).status == 200
    assert (await worker.use("get_profile", headers=headers)).code == "UNAUTHORIZED"


async def test_many_at_once_are_not_mixed_up(worker: Agent, poster: Agent) -> None:
    agents = [worker, poster] * 10
    results = await asyncio.gather(*(agent.use("get_profile") for agent in agents))
    assert [result.data["id"] for result in results] == [agent.id for agent in agents]
