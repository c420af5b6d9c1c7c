# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from tests.service.kit.channel_contract.links import Journal, Link, failure


def _waiter(link: Link, journal: Journal, go: asyncio.Event):
    async def wait(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        journal.add("began")
        await go.wait()
        return link.note(text="done")

    return wait


async def test_closing_a_channel_cancels_its_calls(link: Link, journal):
    async def stream(request, context):
        context.add_done_callback(lambda _: journal.add("stream ended"))
        yield request
        await asyncio.Event().wait()

    link.servicer.unary = _waiter(link, journal, asyncio.Event())
    link.servicer.down = stream
    call = link.stub.Unary(link.note())
    streaming = link.stub.Down(link.note())
    await streaming.read()
    await journal.until("began")

    await link.channel.close()
    await link.channel.close()

    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(asyncio.CancelledError):
        await streaming.read()
    await journal.until("ended")
    await journal.until("stream ended")
    assert link.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_a_closed_channel_takes_no_calls(link: Link):
    await link.channel.close()
    with pytest.raises(grpc.aio.UsageError):
        link.stub.Unary(link.note())
    with pytest.raises(grpc.aio.UsageError):
        link.stub.Down(link.note())


async def test_a_channel_can_wait_for_its_calls(link: Link, journal):
    go = asyncio.Event()
    link.servicer.unary = _waiter(link, journal, go)
    call = link.stub.Unary(link.note())
    await journal.until("began")
    closing = asyncio.create_task(link.channel.close(10))
    go.set()
    await closing
    assert (await call).text == "done"


async def test_a_channel_is_a_context_manager(link: Link):
    async def echo(request, context):
        return request

    link.servicer.unary = echo
    async with link.channel:
        await link.channel.channel_ready()
        assert link.channel.get_state() is grpc.ChannelConnectivity.READY
        await link.stub.Unary(link.note())
    with pytest.raises(grpc.aio.UsageError):
        link.stub.Unary(link.note())


async def test_stopping_a_server_cancels_its_handlers(link: Link, journal):
    link.servicer.unary = _waiter(link, journal, asyncio.Event())
    call = link.stub.Unary(link.note())
    await journal.until("began")
    await link.server.stop(None)
    error = await failure(call)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNAVAILABLE, "Cancelling all calls")
    await journal.until("ended")
    assert (await failure(link.stub.Unary(link.note()))).code() is grpc.StatusCode.UNAVAILABLE


async def test_draining_a_server_lets_calls_end_and_takes_no_new_ones(link: Link, journal):
    go = asyncio.Event()
    link.servicer.unary = _waiter(link, journal, go)
    call = link.stub.Unary(link.note())
    await journal.until("began")
    stopping = asyncio.create_task(link.server.stop(20))
    code = None
    while code is not grpc.StatusCode.UNAVAILABLE:  # until the server has begun to stop
        code = (await failure(link.stub.Unary(link.note(), timeout=0.2))).code()
    assert not stopping.done()
    go.set()
    assert (await call).text == "done"
    await asyncio.wait_for(stopping, 10)


async def test_a_drain_has_an_end(link: Link, journal):
    async def stream(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        yield request
        await asyncio.Event().wait()

    link.servicer.down = stream
    call = link.stub.Down(link.note())
    await call.read()
    await asyncio.wait_for(link.server.stop(0.1), 10)
    assert (await failure(call.read())).code() is grpc.StatusCode.UNAVAILABLE
    await journal.until("ended")
