"""A gateway of one route, the service `agents` and MongoDB, traced from end to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import grpc
import pytest
import redis.asyncio
from aiohttp import web
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc

from kit import mongo
from kit.caller import CallerSigner, service_caller
from kit.channels import CallOptions, Channels, Outgoing
from kit.clock import SystemClock
from kit.errors import DomainError
from kit.host import GrpcHost, Registration
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor
from kit.metrics import Registry
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from kit.telemetry import Telemetry, configure
from services.agents.app import build

SIGNER = CallerSigner("the key of an installation of tests")


class Streams:
    """A service with methods that no contract of ours has: they wait, and note when they are left."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.left = asyncio.Event()

    async def count(self, request: bytes, _context: Any) -> AsyncIterator[bytes]:
        if request == b"fail":
            raise ValueError("pw_live_in_a_message")
        yield b"1"
        try:
            if request == b"wait":
                await asyncio.Event().wait()
            yield b"2"
        finally:
            self.left.set()

    async def hang(self, _request: bytes, _context: Any) -> bytes:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return b""

    def register(self, server: Any) -> None:
        methods = {
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Hang": grpc.unary_unary_rpc_method_handler(self.hang),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Stream", methods),))


class System:
    """What a test needs of the running whole."""

    def __init__(self, exporter: InMemorySpanExporter, channel: grpc.aio.Channel, streams: Streams) -> None:
        self.channel: Any = channel
        self.stub: Any = identity_pb2_grpc.IdentityServiceStub(channel)
        self.streams = streams
        self.url = ""
        self._exporter = exporter

    def options(self) -> CallOptions:
        return Outgoing(SIGNER)(service_caller("gateway"))

    async def get(self, path: str, headers: dict[str, str]) -> int:
        async with aiohttp.ClientSession() as client, client.get(self.url + path, headers=headers) as response:
            return response.status

    async def count(self, request: bytes, **headers: str) -> list[bytes]:
        options = self.options()
        options["metadata"] += tuple(headers.items())
        call = self.channel.unary_stream("/test.Stream/Count")(request, **options)
        return [each async for each in call]

    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    async def identify(self, request: web.Request) -> web.Response:
        try:
            asked = pb.AuthenticateRequest(secret=request.headers["x-api-key"])
            await result_of(self.stub.Authenticate(asked, **self.options()))
        except DomainError:
            return web.Response(status=401)
        return web.Response()


@asynccontextmanager
async def serving_http(telemetry: Telemetry, system: System) -> AsyncIterator[str]:
    async def alive(_request: web.Request) -> web.Response:
        return web.Response()

    middlewares: list[Any] = [*telemetry.aiohttp_middlewares()]
    app = web.Application(middlewares=middlewares)
    app.router.add_get("/things/{thing_id}", system.identify)
    app.router.add_get("/health", alive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture(params=["in-process", "network"])
async def system(
    request: pytest.FixtureRequest, mongodb_uri: str, redis_client: redis.asyncio.Redis, database_prefix: str
) -> AsyncIterator[System]:
    exporter, streams = InMemorySpanExporter(), Streams()
    telemetry = configure(Settings(), "piecework", exporter)
    client = mongo.connect(mongodb_uri, app_name="telemetry", listeners=telemetry.mongo_listeners())
    settings = Settings(database_prefix=database_prefix)
    target = build(Resources(settings, client, redis_client, Channels({}), SIGNER, SystemClock(), Registry()))
    interceptors = [*telemetry.server_interceptors(), ErrorsInterceptor(), CallerInterceptor(SIGNER)]
    registrations = [*target.registrations, Registration(streams.register, ())]
    host = GrpcHost(registrations, "127.0.0.1:0", interceptors, drain_seconds=2)
    await target.start()
    await host.start()
    addresses = {"agents": f"127.0.0.1:{host.port}"} if request.param == "network" else {}
    channels = Channels(addresses, host.inprocess, telemetry.client_interceptors())
    ready = System(exporter, channels.get("agents"), streams)
    async with serving_http(telemetry, ready) as url:
        ready.url = url
        yield ready
    await channels.close()
    await host.drain()
    await target.stop()
    await client.close()
    await telemetry.close()
