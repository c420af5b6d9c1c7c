# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
"""Cancellation and deadlines, in both directions and in the middle of streams."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from tests.service.kit.channel_contract.links import Journal, Link, failure


def _sleeper(journal: Journal):
    async def sleep(request, context):
        context.add_done_callback(lambda ended: journal.add(("ended", ended is context)))
        journal.add("began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            journal.add("cancelled")
            raise

    return sleep


def _ticker(link: Link, journal: Journal):
    async def tick(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        number = 0
        while True:
            yield link.note(number=number)
            number += 1
            await asyncio.sleep(0.001)

    return tick


async def test_cancelling_the_call_cancels_the_handler(link: Link, journal):
    link.servicer.unary = _sleeper(journal)
    seen = []
    call = link.stub.Unary(link.note())
    call.add_done_callback(seen.append)
    await journal.until("began")

    assert call.cancel() is True
    assert call.cancel() is False

    with pytest.raises(asyncio.CancelledError):
        await call
    assert call.cancelled()
    assert call.done()
    assert seen == [call]
    assert await call.code() is grpc.StatusCode.CANCELLED
    assert await call.details() == "Locally cancelled by application!"
    assert await call.initial_metadata() == ()
    assert await call.trailing_metadata() == ()
    await journal.until("cancelled")
    await journal.until(("ended", True))


async def test_cancelling_the_waiting_task_cancels_the_call(link: Link, journal):
    link.servicer.unary = _sleeper(journal)
    call = link.stub.Unary(link.note())

    async def wait():
        return await call

    task = asyncio.create_task(wait())
    await journal.until("began")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.cancelled()
    await journal.until("cancelled")


async def test_waiting_for_the_code_in_vain_does_not_cancel_the_call(link: Link, journal):
    go = asyncio.Event()

    async def wait(request, context):
        await go.wait()
        return request

    link.servicer.unary = wait
    call = link.stub.Unary(link.note(text="x"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call.code(), 0.01)
    go.set()
    assert (await call).text == "x"


async def test_a_call_cancelled_at_once(link: Link, journal):
    link.servicer.unary = _sleeper(journal)
    call = link.stub.Unary(link.note())
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await call.code() is grpc.StatusCode.CANCELLED


async def test_a_deadline_ends_the_call_and_the_handler(link: Link, journal):
    async def sleep(request, context):
        journal.add(("remaining", 0 < context.time_remaining() < 1.2))
        try:
            await asyncio.Event().wait()
        finally:
            journal.add(("none left", context.time_remaining() < 0.1))  # the wire rounds deadlines up

    link.servicer.unary = sleep
    call = link.stub.Unary(link.note(), timeout=1)
    error = await failure(call)
    assert (error.code(), error.details()) == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    assert call.done()
    assert not call.cancelled()
    assert call.time_remaining() == 0
    await journal.until(("none left", True))
    assert ("remaining", True) in journal.entries


@pytest.mark.parametrize("seconds", [0, -1, 1e-9])
async def test_a_deadline_in_the_past(link: Link, journal, seconds):
    link.servicer.unary = _sleeper(journal)
    error = await failure(link.stub.Unary(link.note(), timeout=seconds))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_handler_that_ignores_its_cancellation_does_not_keep_the_client(link: Link, journal):
    async def stubborn(request, context):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            journal.add("ignored")
        return request

    link.servicer.unary = stubborn
    assert (await failure(link.stub.Unary(link.note(), timeout=1))).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await journal.until("ignored")


async def test_no_deadline(link: Link, journal):
    async def look(request, context):
        journal.add(context.time_remaining())
        return request

    link.servicer.unary = look
    call = link.stub.Unary(link.note())
    await call
    assert call.time_remaining() is None
    assert journal.entries == [None]


async def test_cancelling_in_the_middle_of_a_stream(link: Link, journal):
    link.servicer.down = _ticker(link, journal)
    call = link.stub.Down(link.note())
    numbers = []

    async def read_four_and_cancel():
        async for note in call:
            numbers.append(note.number)
            if note.number == 3:
                assert call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await read_four_and_cancel()
    assert numbers == [0, 1, 2, 3]
    assert await call.code() is grpc.StatusCode.CANCELLED
    await journal.until("ended")


async def test_a_deadline_in_the_middle_of_a_stream(link: Link, journal):
    link.servicer.down = _ticker(link, journal)
    call = link.stub.Down(link.note(), timeout=1)
    numbers = []

    async def read_on():
        async for note in call:
            numbers.append(note.number)  # noqa: PERF401 - a comprehension would lose them when the stream fails

    assert (await failure(read_on())).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 1
    await journal.until("ended")


async def test_giving_up_a_read_cancels_the_stream(link: Link, journal):
    async def silent(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        yield request
        await asyncio.Event().wait()

    link.servicer.down = silent
    call = link.stub.Down(link.note())
    await call.read()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call.read(), 0.05)
    assert call.cancelled()
    await journal.until("ended")


async def test_a_writer_that_never_pauses_stops_when_the_client_leaves(link: Link, journal):
    async def flood(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        while True:
            yield request

    link.servicer.down = flood
    call = link.stub.Down(link.note(weight=b"x" * 1024))
    await call.read()
    call.cancel()
    await journal.until("ended")


async def test_cancelling_an_upload_cancels_the_handler(link: Link, journal):
    async def collect(requests, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        async for _ in requests:
            journal.add("one")

    link.servicer.up = collect
    call = link.stub.Up()
    await call.write(link.note())
    await journal.until("one")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await journal.until("ended")


async def test_a_client_iterator_that_fails_cancels_the_call(link: Link, journal):
    async def collect(requests, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        return link.note(number=len([request async for request in requests]))

    async def failing():
        yield link.note()
        raise ValueError("the client's own trouble")

    link.servicer.up = collect
    call = link.stub.Up(failing())
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await call.code() is grpc.StatusCode.CANCELLED
    await journal.until("ended")


async def test_a_deadline_while_the_client_is_still_writing(link: Link, journal):
    async def collect(requests, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        async for request in requests:
            yield request

    link.servicer.both = collect
    call = link.stub.Both(timeout=1)
    await call.write(link.note())
    await call.read()
    assert (await failure(call.read())).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(link.note())
    await journal.until("ended")


async def test_cancelling_half_of_many_calls(link: Link, journal):
    link.servicer.down = _ticker(link, journal)
    calls = [link.stub.Down(link.note(), timeout=20) for _ in range(20)]
    await asyncio.gather(*(call.read() for call in calls))
    for call in calls[::2]:
        call.cancel()
    assert [(await call.read()).number for call in calls[1::2]] == [1] * 10
    for call in calls[1::2]:
        call.cancel()
    for call in calls:
        with pytest.raises(asyncio.CancelledError):
            await read_all_by_reads(call)


async def read_all_by_reads(call):
    while await call.read() is not grpc.aio.EOF:
        pass
