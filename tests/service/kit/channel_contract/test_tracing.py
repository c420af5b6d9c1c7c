# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
"""The interceptors of OpenTelemetry, which were not written for us, trace both kinds of channel alike."""

from __future__ import annotations

import grpc
from opentelemetry.instrumentation.grpc import aio_client_interceptors, aio_server_interceptor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.service.kit.channel_contract.links import Link, failure, read_all


async def test_a_trace_goes_from_client_to_handler(closed_link: Link, journal):
    exporter = InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    await closed_link.open([aio_server_interceptor(tracing)], aio_client_interceptors(tracing))

    async def refuse(request, context):
        context.add_done_callback(lambda _: journal.add("refused"))
        await context.abort(grpc.StatusCode.INTERNAL, "no")

    async def count(request, context):
        context.add_done_callback(lambda _: journal.add("counted"))
        yield request

    closed_link.servicer.unary = refuse
    closed_link.servicer.down = count
    await failure(closed_link.stub.Unary(closed_link.note()))
    await journal.until("refused")
    await read_all(closed_link.stub.Down(closed_link.note()))
    await journal.until("counted")

    by_name = {(span.name.rsplit("/")[-1], span.kind): span for span in exporter.get_finished_spans()}
    for method, status in (("Unary", StatusCode.ERROR), ("Down", StatusCode.UNSET)):
        client, server = by_name[method, SpanKind.CLIENT], by_name[method, SpanKind.SERVER]
        assert server.context.trace_id == client.context.trace_id
        assert server.parent.span_id == client.context.span_id
        assert client.status.status_code is status
        assert server.status.status_code is status
        assert server.attributes["net.peer.ip"] == "127.0.0.1"
