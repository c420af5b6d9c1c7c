"""What the in-process channel does beyond the contract that it shares with a network channel."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import weakref
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client import CollectorRegistry

from kit.errors import NotFound
from kit.inprocess import InProcessChannel, InProcessServer
from kit.interceptors.access import AccessInterceptor, RpcMetrics
from kit.interceptors.errors import ErrorsInterceptor


class Peer:
    """A server of raw bytes whose behaviour a test sets, and a channel to it."""

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()) -> None:
        self.server = InProcessServer(interceptors)
        self.channel: Any = InProcessChannel(self.server)

    def serve(self, kind: str, behaviour: Any) -> Any:
        handler = getattr(grpc, f"{kind}_rpc_method_handler")(behaviour)
        self.server.add_registered_method_handlers("test.Raw", {"Do": handler})
        return getattr(self.channel, kind)("/test.Raw/Do")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.server.start()
    yield peer
    await peer.channel.close()
    await peer.server.stop(None)


async def _echo(request: bytes, _context: Any) -> bytes:
    return request


async def test_before_the_start_nobody_answers():
    peer = Peer()
    do = peer.serve("unary_unary", _echo)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await do(b"x")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await peer.server.start()
    assert await do(b"x") == b"x"
    await peer.channel.close()


@pytest.mark.parametrize("how", ["answered", "refused"])
async def test_a_call_that_is_over_leaves_nothing_for_the_search_for_garbage(how: str):
    serving: ContextVar[Any] = ContextVar("serving")
    served: list[weakref.ref[Any]] = []

    async def remember(request: bytes, context: Any) -> bytes:
        serving.set(context)  # as interceptors do, so that the task of the handler leads back to its call
        served.append(weakref.ref(context))
        if how == "refused":
            raise NotFound("GONE", "gone")
        return request

    peer = Peer([AccessInterceptor(RpcMetrics(CollectorRegistry())), ErrorsInterceptor()])
    await peer.server.start()
    do = peer.serve("unary_unary", remember)
    gc.disable()
    try:
        with contextlib.suppress(grpc.aio.AioRpcError):
            await do(b"x")
        assert served[0]() is None
    finally:
        gc.enable()
    await peer.channel.close()


async def test_each_call_ends_at_its_own_deadline_whichever_began_first(peer: Peer):
    asked: list[str] = []

    async def never(request: bytes, _context: Any) -> bytes:
        asked.append(request.decode())
        await asyncio.Event().wait()
        return request

    do = peer.serve("unary_unary", never)
    ended: list[str] = []
    calls = {}
    for name, timeout in {"last": 60, "third": 0.3, "first": 0.1, "second": 0.2}.items():
        calls[name] = do(name.encode(), timeout=timeout)
        calls[name].add_done_callback(lambda _call, name=name: ended.append(name))
    assert await calls["third"].code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (ended, len(asked)) == (["first", "second", "third"], 4)
    assert not calls["last"].done()
    calls["last"].cancel()


@pytest.mark.parametrize("how", ["break", "forget"])
async def test_a_stream_that_nobody_reads_any_more_ends(peer: Peer, how: str):
    ended = asyncio.Event()

    async def tick(_request: bytes, _context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0)
        finally:
            ended.set()

    do = peer.serve("unary_stream", tick)

    async def read_one() -> None:
        if how == "break":
            async for _ in do(b""):
                break
        else:
            await do(b"").read()

    await read_one()
    gc.collect()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_cancelled_generator_is_closed_at_once(peer: Peer):
    order: list[str] = []
    ended = asyncio.Event()

    async def flood(_request: bytes, context: Any) -> AsyncIterator[bytes]:
        def end(_context: object) -> None:
            order.append("ended")
            ended.set()

        context.add_done_callback(end)
        try:
            while True:
                yield b"x" * 1024
        finally:
            order.append("closed")

    call = peer.serve("unary_stream", flood)(b"")
    await call.read()
    call.cancel()
    await asyncio.wait_for(ended.wait(), 5)
    assert order == ["closed", "ended"]


async def test_a_handler_that_is_cancelled_by_its_own_doing_does_not_hang_the_client(peer: Peer):
    async def give_up(_request: bytes, _context: Any) -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await peer.serve("unary_unary", give_up)(b"")
    assert caught.value.code() is grpc.StatusCode.CANCELLED


async def test_an_abort_with_ok_is_a_mistake(peer: Peer):
    async def abort(_request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.OK, "fine")
        raise AssertionError

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await peer.serve("unary_unary", abort)(b"")
    assert caught.value.code() is grpc.StatusCode.UNKNOWN


async def test_callbacks_that_fail_stop_nothing(peer: Peer, caplog: pytest.LogCaptureFixture):
    seen: list[str] = []

    async def echo(request: bytes, context: Any) -> bytes:
        context.add_done_callback(lambda _: 1 / 0)
        context.add_done_callback(lambda _: seen.append("handler"))
        return request

    call = peer.serve("unary_unary", echo)(b"x")
    call.add_done_callback(lambda _: 1 / 0)
    call.add_done_callback(lambda _: seen.append("client"))
    assert await call == b"x"
    assert seen == ["client", "handler"]
    assert len(caplog.records) == 2


async def test_a_request_of_the_wrong_type_fails_where_it_is_made(peer: Peer):
    peer.serve("unary_unary", _echo)
    do = peer.channel.unary_unary("/test.Raw/Do", request_serializer=str.encode)
    with pytest.raises(TypeError):
        do(5)


async def test_a_stop_waits_for_the_clean_up_of_handlers(peer: Peer):
    began = asyncio.Event()
    cleaned: list[str] = []

    async def tidy(request: bytes, _context: Any) -> bytes:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            cleaned.append("clean")
        return request

    call = peer.serve("unary_unary", tidy)(b"")
    await began.wait()
    await peer.server.stop(None)
    assert cleaned == ["clean"]
    assert (await call.code()) is grpc.StatusCode.UNAVAILABLE


async def test_whatever_happens_to_calls_nothing_is_left_of_them(peer: Peer):
    chance = random.Random(7)
    running = 0

    async def wander(request: bytes, context: Any) -> bytes:
        nonlocal running
        running += 1
        try:
            for _ in range(request[0] % 5):
                await asyncio.sleep(0)
            if request[0] % 3 == 0:
                await context.abort(grpc.StatusCode.ABORTED, "no")
            return request
        finally:
            running -= 1

    do = peer.serve("unary_unary", wander)

    async def call_once() -> str:
        call = do(bytes([chance.randrange(256)]), timeout=chance.choice([None, 0, 1e-5, 5]))
        if chance.random() < 0.3:
            asyncio.get_running_loop().call_soon(call.cancel)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code().name
        except asyncio.CancelledError:
            return "cancelled"
        return "OK"

    outcomes = [outcome for _ in range(20) for outcome in await asyncio.gather(*(call_once() for _ in range(50)))]
    assert {"OK", "ABORTED", "DEADLINE_EXCEEDED", "cancelled"} == set(outcomes)
    await asyncio.wait_for(peer.server.stop(5), 5)
    assert running == 0
    await asyncio.wait_for(peer.channel.close(5), 5)
