"""One trace from the client to the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from piecework.agents.v1 import identity_pb2 as pb

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
IDENTITY = "piecework.agents.v1.IdentityService"


def graph(spans: Sequence[ReadableSpan]) -> set[tuple[str, str, str]]:
    """Return the edges: kind and name of a span, and the name (or the id, if it is not ours) of its parent."""
    names = {span.context.span_id: f"{span.kind.name} {span.name}" for span in spans}
    edges = set()
    for span in spans:
        parent = "" if span.parent is None else names.get(span.parent.span_id, f"{span.parent.span_id:016x}")
        edges.add((span.kind.name, span.name, parent))
    return edges


async def test_one_trace_leads_from_the_client_to_the_database(system: Any) -> None:
    assert await system.get("/things/42", {**SAMPLED, "x-api-key": "pw_live_" + "A" * 43}) == 401
    assert graph(system.spans()) == {
        ("SERVER", "GET /things/{thing_id}", PARENT),
        ("CLIENT", f"{IDENTITY}/Authenticate", "SERVER GET /things/{thing_id}"),
        ("SERVER", f"{IDENTITY}/Authenticate", f"CLIENT {IDENTITY}/Authenticate"),
        ("CLIENT", "find operator_keys", f"SERVER {IDENTITY}/Authenticate"),
    }
    assert {f"{span.context.trace_id:032x}" for span in system.spans()} == {TRACE}
    assert {span.resource.attributes["service.name"] for span in system.spans()} == {"piecework"}


async def test_spans_say_how_it_went(system: Any) -> None:
    await system.get("/things/42", {**SAMPLED, "x-api-key": "pw_live_" + "A" * 43})
    found = {(span.kind, span.name): span for span in system.spans()}
    http = found[SpanKind.SERVER, "GET /things/{thing_id}"]
    server = found[SpanKind.SERVER, f"{IDENTITY}/Authenticate"]
    client = found[SpanKind.CLIENT, f"{IDENTITY}/Authenticate"]
    command = found[SpanKind.CLIENT, "find operator_keys"]
    assert http.attributes is not None
    assert http.attributes["http.response.status_code"] == 401
    for span in (server, client):
        assert span.attributes is not None
        assert span.attributes["rpc.grpc.status_code"] == grpc.StatusCode.UNAUTHENTICATED.value[0]
    assert server.status.status_code is StatusCode.UNSET, "that a credential is wrong is not the fault of the server"
    assert client.status.status_code is StatusCode.ERROR
    assert command.attributes is not None
    assert command.attributes["db.collection.name"] == "operator_keys"
    assert command.attributes["db.operation.name"] == "find"


async def test_spans_hold_no_secret_and_no_value_of_a_document(system: Any) -> None:
    made = await system.stub.CreateOperator(pb.CreateOperatorRequest(name="poster-of-tests"), **system.options())
    key = await system.stub.CreateOperatorKey(
        pb.CreateOperatorKeyRequest(operator_id=made.operator.id), **system.options()
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await system.stub.CreateOperator(pb.CreateOperatorRequest(name="poster-of-tests"), **system.options())
    assert await system.get(f"/things/{key.secret}?key={key.secret}", {**SAMPLED, "x-api-key": key.secret}) == 200
    with pytest.raises(grpc.aio.AioRpcError):
        await system.count(b"fail")
    text = "".join(span.to_json() for span in system.spans())
    assert "insert operators" in text
    for value in (key.secret, key.secret[8:], "poster-of-tests", "pw_live_in_a_message"):
        assert value not in text


async def test_the_callers_decision_not_to_sample_is_followed(system: Any) -> None:
    await system.get("/things/42", {"traceparent": f"00-{TRACE}-{PARENT}-00", "x-api-key": "pw_live_x"})
    assert not system.spans()


@pytest.mark.parametrize("headers", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01"}])
async def test_without_a_parent_a_trace_begins_here(system: Any, headers: dict[str, str]) -> None:
    await system.get("/things/42", {**headers, "x-api-key": "pw_live_x"})
    roots = [span for span in system.spans() if span.parent is None]
    assert [span.name for span in roots] == ["GET /things/{thing_id}"]
    assert len({span.context.trace_id for span in system.spans()}) == 1


async def test_probes_are_not_traced(system: Any) -> None:
    assert await system.get("/health", SAMPLED) == 200
    await health_pb2_grpc.HealthStub(system.channel).Check(health_pb2.HealthCheckRequest())
    assert [span.kind for span in system.spans()] == [SpanKind.CLIENT]


async def test_a_stream_is_one_span_of_the_server(system: Any) -> None:
    assert await system.count(b"", **SAMPLED) == [b"1", b"2"]
    assert graph(system.spans()) == {("SERVER", "test.Stream/Count", PARENT)}


async def test_a_stream_that_no_trace_asked_for_is_not_traced(system: Any) -> None:
    assert await system.count(b"") == [b"1", b"2"]
    assert not system.spans()


async def test_a_stream_that_the_client_leaves_ends_on_the_server(system: Any) -> None:
    call = system.channel.unary_stream("/test.Stream/Count")(b"wait", **system.options())
    assert await call.read() == b"1"
    call.cancel()
    async with asyncio.timeout(10):
        await system.streams.left.wait()


async def test_a_call_that_the_client_leaves_ends_on_the_server(system: Any) -> None:
    call = system.channel.unary_unary("/test.Stream/Hang")(b"", **system.options())
    waiting = asyncio.ensure_future(call)
    async with asyncio.timeout(10):
        await system.streams.entered.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await system.streams.left.wait()
    client = next(span for span in system.spans() if span.kind is SpanKind.CLIENT)
    assert client.attributes is not None
    assert client.attributes["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]
