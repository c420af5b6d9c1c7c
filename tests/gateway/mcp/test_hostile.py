"""What a hostile or broken client sends inside of well-formed messages: it gets an envelope, and never a 500."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.faces.mcp.tools import TOOLS
from tests.gateway.mcp.agent import Agent

_DEEP: Any = None
for _ in range(100):
    _DEEP = [_DEEP]
_VALUES = [2**63, 2**70, -1, 0, 1.5, 1e308, "", " ", "\x00", "‮", "💥" * 2000, "../..", "{taskId}", "%2e%2e%2f"]
_MORE = [None, True, [], {}, [None], {"a": 1}, _DEEP, "x" * 60_000]


async def _call(agent: Agent, name: str, arguments: Any) -> Any:
    params = {"name": name, "arguments": arguments}
    reply = await agent.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    assert reply.status == 200, reply.text
    envelope = json.loads(reply.json["result"]["content"][0]["text"])
    assert set(envelope) >= {"ok", "meta"}
    assert reply.json["result"]["isError"] is not envelope["ok"]
    if not envelope["ok"]:
        assert envelope["error"]["code"] not in ("INTERNAL_ERROR", "NOT_FOUND"), (name, arguments, envelope)
    return envelope


@pytest.mark.parametrize("tool", TOOLS, ids=[tool.name for tool in TOOLS])
async def test_any_value_in_any_place(worker: Agent, tool: Any) -> None:
    for value in (*_VALUES, *_MORE):
        await _call(worker, tool.name, dict.fromkeys(tool.arguments.__struct_fields__, value))


async def test_values_in_items_of_a_list(worker: Agent) -> None:
    for value in (*_VALUES, *_MORE):
        claim = {"task_id": value, "proposed_credits": value, "message": value}
        envelope = await _call(worker, "bulk_claim", {"claims": [claim] * 3})
        assert not envelope["ok"] or envelope["data"]["summary"]["succeeded"] == 0
    envelope = await _call(worker, "bulk_claim", {"claims": [{"task_id": 1, "proposed_credits": 1}] * 11})
    assert envelope["error"]["message"] == "Maximum 10 claims per bulk request"


async def test_names_that_no_tool_has(worker: Agent) -> None:
    for name in ("__proto__", "task_id\x00", "x" * 10_000, "{}", "poster_id", "status"):
        envelope = await _call(worker, "create_task", {name: 1})
        assert envelope["error"]["message"].startswith("Unknown arguments: ")
        assert len(envelope["error"]["message"]) < 300


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tool=st.sampled_from(TOOLS),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_anything_json_can_say(tool: Any, value: Any) -> None:
    # Without a gateway: whatever the arguments are, there is a call to make of them.
    from gateway.faces.mcp.calls import market_call

    call = market_call(tool, dict.fromkeys(tool.arguments.__struct_fields__, value))
    assert call.url.path.startswith("/api/v1/")
    assert "search" not in call.url.path or tool.name == "search_tasks"
    if call.body:
        json.loads(call.body)


async def test_a_client_that_goes_away_takes_its_call_with_it(worker: Agent) -> None:
    calls = [asyncio.create_task(worker.use("browse_tasks")) for _ in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(result.data == result.envelope["data"] for result in results if not isinstance(result, BaseException))
    assert (await worker.use("get_profile")).data["id"] == worker.id
