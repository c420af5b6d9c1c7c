"""Spans reach a collector when there is one, and nothing is active when there is none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pymongo import AsyncMongoClient

from kit import mongo
from kit.mongo import Document
from kit.settings import Settings
from kit.telemetry import configure


async def test_background_work_is_not_traced(mongodb_uri: str) -> None:
    exporter = InMemorySpanExporter()
    telemetry = configure(Settings(), "background", exporter)
    client = mongo.connect(mongodb_uri, app_name="background", listeners=telemetry.mongo_listeners())
    await client.admin.command("ping")
    await client.close()
    await telemetry.close()
    assert not exporter.get_finished_spans()


async def test_nothing_is_active_without_an_exporter(mongodb_uri: str) -> None:
    telemetry = configure(Settings(), "piecework")
    assert not telemetry.enabled
    assert not telemetry.server_interceptors()
    assert not telemetry.client_interceptors()
    assert not telemetry.aiohttp_middlewares()
    assert not telemetry.mongo_listeners()
    assert telemetry.client_metadata() == ()
    with telemetry.tracer.start_as_current_span("mine") as span:
        assert not span.is_recording()
    client: AsyncMongoClient[Document] = mongo.connect(
        mongodb_uri, app_name="untraced", listeners=telemetry.mongo_listeners()
    )
    assert client.options.event_listeners == []
    await client.close()
    await telemetry.close()


def test_the_sdk_is_not_even_loaded_without_an_exporter() -> None:
    program = (
        "import sys; from kit.settings import Settings; from kit.telemetry import configure;"
        "configure(Settings(), 'piecework');"
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP receiver."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[Any] = asyncio.Queue()

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the name in the contract
        self.received.put_nowait(request)
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_spans_reach_a_collector() -> None:
    collector = Collector()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    telemetry = configure(Settings(otlp_endpoint=f"http://127.0.0.1:{port}"), "piecework-gateway")
    with telemetry.tracer.start_as_current_span("mine"):
        assert telemetry.client_metadata()[0][0] == "traceparent"
    await telemetry.close()
    async with asyncio.timeout(10):
        request = await collector.received.get()
    resource = {each.key: each.value.string_value for each in request.resource_spans[0].resource.attributes}
    assert resource["service.name"] == "piecework-gateway"
    assert request.resource_spans[0].scope_spans[0].spans[0].name == "mine"
    await server.stop(None)


async def test_a_collector_that_does_not_answer_holds_nothing_up() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    telemetry = configure(Settings(otlp_endpoint=f"http://127.0.0.1:{port}"), "piecework")
    with telemetry.tracer.start_as_current_span("mine"):
        pass
    async with asyncio.timeout(5):
        await telemetry.close(within_seconds=0.2)
    silent.close()
