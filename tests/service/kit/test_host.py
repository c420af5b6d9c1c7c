from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from kit.caller import CallerSigner
from kit.channels import Channels, UnknownPeer
from kit.host import AddressUnavailable, GrpcHost, Registration
from kit.inprocess import InProcessChannel
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor

NAME = "test.v1.EchoService"
METHOD = f"/{NAME}/Echo"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def echo_of(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    return channel.unary_unary(METHOD)


class Echo:
    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def echo(self, request, _context):
        self.began.set()
        await self.go.wait()
        return request

    def registration(self) -> Registration:
        handlers = {"Echo": grpc.unary_unary_rpc_method_handler(self.echo)}

        def register(server):
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))

        return Registration(register, [NAME])


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def host(echo: Echo) -> AsyncIterator[GrpcHost]:
    host = GrpcHost([echo.registration()], "127.0.0.1:0", drain_seconds=0.2)
    await host.start()
    yield host
    await host.drain()


@pytest.fixture
async def channels(host: GrpcHost) -> AsyncIterator[Channels]:
    channels = Channels({"remote": f"127.0.0.1:{host.port}", "local": ""}, host.inprocess)
    yield channels
    await channels.close()


async def _health(channel, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)).status


async def test_the_same_service_answers_over_the_network_and_in_process(channels: Channels):
    assert isinstance(channels.get("local"), InProcessChannel)
    assert not isinstance(channels.get("remote"), InProcessChannel)
    for name in ("remote", "local"):
        assert await echo_of(channels.get(name))(b"hello", timeout=10) == b"hello"
        assert channels.get(name) is channels.get(name)


async def test_health_tells_of_each_service_and_of_the_whole(channels: Channels):
    for name in ("remote", "local"):
        assert await _health(channels.get(name), "") == SERVING
        assert await _health(channels.get(name), NAME) == SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await _health(channels.get(name), "nobody")


async def test_reflection_lists_the_services(channels: Channels):
    stub = reflection_pb2_grpc.ServerReflectionStub(channels.get("remote"))
    call = stub.ServerReflectionInfo([reflection_pb2.ServerReflectionRequest(list_services="")], timeout=10)
    answer = await call.read()
    names = {service.name for service in answer.list_services_response.service}
    assert names == {NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


async def test_probes_need_no_token(echo: Echo):
    host = GrpcHost(
        [echo.registration()], "127.0.0.1:0", [ErrorsInterceptor(), CallerInterceptor(CallerSigner("k" * 32))]
    )
    await host.start()
    channels = Channels({"remote": f"127.0.0.1:{host.port}"}, host.inprocess)
    for name in ("remote", "local"):
        assert await _health(channels.get(name), NAME) == SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="UNAUTHENTICATED"):
            await echo_of(channels.get(name))(b"", timeout=10)
    await channels.close()
    await host.drain()


@pytest.mark.parametrize("name", ["remote", "local"])
async def test_draining_says_so_first_and_lets_calls_end(echo: Echo, name: str):
    host = GrpcHost([echo.registration()], "127.0.0.1:0", drain_seconds=20)
    await host.start()
    channels = Channels({"remote": f"127.0.0.1:{host.port}"}, host.inprocess)
    channel = channels.get(name)
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=NAME))
    assert (await watch.read()).status == SERVING
    echo.go.clear()
    call = echo_of(channel)(b"last", timeout=20)
    await echo.began.wait()

    draining = asyncio.create_task(host.drain())
    assert (await asyncio.wait_for(watch.read(), 10)).status == NOT_SERVING
    watch.cancel()
    assert not draining.done()
    echo.go.set()
    assert await call == b"last"
    await asyncio.wait_for(draining, 10)
    with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
        await echo_of(channel)(b"late", timeout=10)
    await channels.close()


@pytest.mark.parametrize("name", ["remote", "local"])
async def test_a_call_that_does_not_end_is_cancelled_after_the_drain(
    host: GrpcHost, echo: Echo, channels: Channels, name: str
):
    echo.go.clear()
    call = echo_of(channels.get(name))(b"", timeout=20)
    await echo.began.wait()
    await asyncio.wait_for(host.drain(), 10)
    with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
        await call


async def test_a_taken_port_is_said_clearly(echo: Echo):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressUnavailable, match=f"cannot listen on {address}: the port is taken"):
            await GrpcHost([echo.registration()], address).start()


async def test_two_hosts_cannot_share_a_port(host: GrpcHost, echo: Echo):
    with pytest.raises(AddressUnavailable):
        await GrpcHost([echo.registration()], f"127.0.0.1:{host.port}").start()


async def test_a_host_without_an_address_serves_in_process_only(echo: Echo):
    host = GrpcHost([echo.registration()], None)
    await host.start()
    channels = Channels({}, host.inprocess)
    assert await echo_of(channels.get("any"))(b"x") == b"x"
    assert host.port == 0
    await channels.close()
    await host.drain()


async def test_a_peer_without_an_address_must_live_here():
    with pytest.raises(UnknownPeer, match="'billing' has no address"):
        Channels({"billing": ""}).get("billing")


async def test_an_unreachable_peer_is_unavailable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        channels = Channels({"tasks": f"127.0.0.1:{unused.getsockname()[1]}"})
        with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
            await echo_of(channels.get("tasks"))(b"", timeout=10)
        await channels.close()
