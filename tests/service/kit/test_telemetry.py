"""One trace from the client to the database, and nothing at all when nobody asked for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import pytest
import redis.asyncio
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc
from pymongo import AsyncMongoClient

from kit import mongo
from kit.caller import CallerSigner, service_caller
from kit.channels import CallOptions, Channels, Outgoing
from kit.clock import SystemClock
from kit.errors import DomainError
from kit.host import GrpcHost, Registration
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor
from kit.mongo import Document
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from kit.telemetry import Telemetry, configure
from services.agents.app import build

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
IDENTITY = "piecework.agents.v1.IdentityService"


class System:
    """A gateway of one route, the service `agents` and MongoDB, traced from end to end."""

    def __init__(self, exporter: InMemorySpanExporter, url: str, stub: Any, stream: Any, outgoing: Outgoing) -> None:
        self._exporter = exporter
        self.url = url
        self.stub = stub
        self.stream = stream
        self._outgoing = outgoing
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

    def options(self) -> CallOptions:
        return self._outgoing(service_caller("gateway"))

    async def get(self, path: str, headers: dict[str, str]) -> int:
        async with aiohttp.ClientSession() as client, client.get(self.url + path, headers=headers) as response:
            return response.status

    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()


@asynccontextmanager
async def running(
    telemetry: Telemetry,
    exporter: InMemorySpanExporter,
    uri: str,
    redis_client: redis.asyncio.Redis,
    prefix: str,
    *,
    over_network: bool,
) -> AsyncIterator[System]:
    signer = CallerSigner("the key of an installation of tests")
    client = mongo.connect(uri, app_name="telemetry", listeners=telemetry.mongo_listeners())
    resources = Resources(Settings(database_prefix=prefix), client, redis_client, Channels({}), signer, SystemClock())
    target = build(resources)
    interceptors = [*telemetry.server_interceptors(), ErrorsInterceptor(), CallerInterceptor(signer)]
    system: System

    async def count(request: bytes, _context: Any) -> AsyncIterator[bytes]:
        if request == b"fail":
            raise ValueError("pw_live_in_a_message")
        yield b"1"
        system.entered.set()
        try:
            if request == b"wait":
                await asyncio.Event().wait()
            yield b"2"
        finally:
            system.left.set()

    async def hang(_request: bytes, _context: Any) -> bytes:
        system.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            system.left.set()
        return b""

    handlers = grpc.method_handlers_generic_handler(
        "test.Stream",
        {"Count": grpc.unary_stream_rpc_method_handler(count), "Hang": grpc.unary_unary_rpc_method_handler(hang)},
    )
    registrations = [*target.registrations, Registration(lambda s: s.add_generic_rpc_handlers((handlers,)), ())]
    host = GrpcHost(registrations, "127.0.0.1:0", interceptors, drain_seconds=2)
    await target.start()
    await host.start()
    addresses = {"agents": f"127.0.0.1:{host.port}"} if over_network else {}
    channels = Channels(addresses, host.inprocess, telemetry.client_interceptors())
    stub: Any = identity_pb2_grpc.IdentityServiceStub(channels.get("agents"))

    async def identify(request: web.Request) -> web.Response:
        try:
            await result_of(
                stub.Authenticate(pb.AuthenticateRequest(secret=request.headers["x-api-key"]), **system.options())
            )
        except DomainError:
            return web.Response(status=401)
        return web.Response()

    async def alive(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=telemetry.aiohttp_middlewares())
    app.router.add_get("/things/{thing_id}", identify)
    app.router.add_get("/health", alive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    system = System(exporter, url, stub, channels.get("agents"), Outgoing(signer))
    yield system
    await runner.cleanup()
    await channels.close()
    await host.drain()
    await target.stop()
    await client.close()
    await telemetry.close()


@pytest.fixture(params=["in-process", "network"])
async def system(
    request: pytest.FixtureRequest, mongodb_uri: str, redis_client: redis.asyncio.Redis, database_prefix: str
) -> AsyncIterator[System]:
    exporter = InMemorySpanExporter()
    telemetry = configure(Settings(), "piecework", exporter)
    over_network = request.param == "network"
    async with running(
        telemetry, exporter, mongodb_uri, redis_client, database_prefix, over_network=over_network
    ) as ready:
        exporter.clear()
        yield ready


def graph(spans: Sequence[ReadableSpan]) -> set[tuple[str, str, str]]:
    """Return the edges: kind and name of a span, and the name (or the id, if it is not ours) of its parent."""
    names = {span.context.span_id: f"{span.kind.name} {span.name}" for span in spans}
    edges = set()
    for span in spans:
        parent = "" if span.parent is None else names.get(span.parent.span_id, f"{span.parent.span_id:016x}")
        edges.add((span.kind.name, span.name, parent))
    return edges


async def test_one_trace_leads_from_the_client_to_the_database(system: System) -> None:
    assert await system.get("/things/42", {**SAMPLED, "x-api-key": "pw_live_" + "A" * 43}) == 401
    assert graph(system.spans()) == {
        ("SERVER", "GET /things/{thing_id}", PARENT),
        ("CLIENT", f"{IDENTITY}/Authenticate", "SERVER GET /things/{thing_id}"),
        ("SERVER", f"{IDENTITY}/Authenticate", f"CLIENT {IDENTITY}/Authenticate"),
        ("CLIENT", "find operator_keys", f"SERVER {IDENTITY}/Authenticate"),
    }
    assert {f"{span.context.trace_id:032x}" for span in system.spans()} == {TRACE}
    assert {span.resource.attributes["service.name"] for span in system.spans()} == {"piecework"}


async def test_spans_say_how_it_went(system: System) -> None:
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


async def test_spans_hold_no_secret_and_no_value_of_a_document(system: System) -> None:
    made = await system.stub.CreateOperator(pb.CreateOperatorRequest(name="poster-of-tests"), **system.options())
    key = await system.stub.CreateOperatorKey(
        pb.CreateOperatorKeyRequest(operator_id=made.operator.id), **system.options()
    )
    with pytest.raises(grpc.aio.AioRpcError):
        await system.stub.CreateOperator(pb.CreateOperatorRequest(name="poster-of-tests"), **system.options())
    assert await system.get(f"/things/{key.secret}?key={key.secret}", {**SAMPLED, "x-api-key": key.secret}) == 200
    with pytest.raises(grpc.aio.AioRpcError):
        await drain(system, b"fail")
    text = "".join(span.to_json() for span in system.spans())
    assert "insert operators" in text
    for value in (key.secret, key.secret[8:], "poster-of-tests", "pw_live_in_a_message"):
        assert value not in text


async def test_the_callers_decision_not_to_sample_is_followed(system: System) -> None:
    await system.get("/things/42", {"traceparent": f"00-{TRACE}-{PARENT}-00", "x-api-key": "pw_live_x"})
    assert not system.spans()


@pytest.mark.parametrize("headers", [{}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{PARENT}-01"}])
async def test_without_a_parent_a_trace_begins_here(system: System, headers: dict[str, str]) -> None:
    await system.get("/things/42", {**headers, "x-api-key": "pw_live_x"})
    roots = [span for span in system.spans() if span.parent is None]
    assert [span.name for span in roots] == ["GET /things/{thing_id}"]
    assert len({span.context.trace_id for span in system.spans()}) == 1


async def test_probes_are_not_traced(system: System) -> None:
    assert await system.get("/health", SAMPLED) == 200
    await health_pb2_grpc.HealthStub(system.stream).Check(health_pb2.HealthCheckRequest())
    assert [span.kind for span in system.spans()] == [SpanKind.CLIENT]


async def test_background_work_is_not_traced(mongodb_uri: str) -> None:
    exporter = InMemorySpanExporter()
    telemetry = configure(Settings(), "background", exporter)
    client = mongo.connect(mongodb_uri, app_name="background", listeners=telemetry.mongo_listeners())
    await client.admin.command("ping")
    await client.close()
    await telemetry.close()
    assert not exporter.get_finished_spans()


async def drain(system: System, request: bytes) -> list[bytes]:
    call = system.stream.unary_stream("/test.Stream/Count")(request, **system.options())
    return [each async for each in call]


async def test_a_stream_is_one_span_of_the_server(system: System) -> None:
    assert await drain(system, b"") == [b"1", b"2"]
    assert graph(system.spans()) == {("SERVER", "test.Stream/Count", "")}


async def test_a_stream_that_the_client_leaves_ends_on_the_server(system: System) -> None:
    call = system.stream.unary_stream("/test.Stream/Count")(b"wait", **system.options())
    assert await call.read() == b"1"
    call.cancel()
    async with asyncio.timeout(10):
        await system.left.wait()


async def test_a_call_that_the_client_leaves_ends_on_the_server(system: System) -> None:
    call = system.stream.unary_unary("/test.Stream/Hang")(b"", **system.options())
    waiting = asyncio.ensure_future(call)
    async with asyncio.timeout(10):
        await system.entered.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await system.left.wait()
    client = next(span for span in system.spans() if span.kind is SpanKind.CLIENT)
    assert client.attributes is not None
    assert client.attributes["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]


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
