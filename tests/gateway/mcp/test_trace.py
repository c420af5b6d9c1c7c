"""A tool call is part of the trace of its request, down to the services that it reaches."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack

import aiohttp
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from launch.platform import Platform
from tests.gateway.mcp.agent import BOTH, PATH, Agent
from tests.gateway.site import Site

_PROFILE = "piecework.agents.v1.RegistryService/GetOwnProfile"


async def test_a_tool_call_is_in_the_trace_of_its_request(site: Site, worker: Agent) -> None:
    exporter, trace = InMemorySpanExporter(), secrets.token_hex(16)
    headers = {"Authorization": f"Bearer {worker.key}", "Accept": BOTH, "traceparent": f"00-{trace}-{trace[:16]}-01"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_profile", "arguments": {}}}
    async with AsyncExitStack() as stack:
        traced = Platform(site.resources.settings, ("agents", "tasks", "billing"), "127.0.0.1:0", {}, exporter)
        stack.push_async_callback(traced.stop)
        await traced.start()
        port = await traced.open_gateway("127.0.0.1", 0)
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        async with http.post(PATH, json=message, headers=headers) as response:
            assert (await response.json())["result"]["isError"] is False
    spans = [span for span in exporter.get_finished_spans() if f"{span.context.trace_id:032x}" == trace]
    by_id = {span.context.span_id: span for span in spans}
    roots = [span for span in spans if span.parent is None or span.parent.span_id not in by_id]
    assert [span.name for span in roots] == [f"POST {PATH}"]
    called = [span for span in spans if span.name == _PROFILE and span.kind.name == "CLIENT"]
    assert len(called) == 1
    assert called[0].parent is not None
    assert by_id[called[0].parent.span_id] is roots[0]
