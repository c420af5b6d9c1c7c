# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from tests.service.kit.channel_contract.links import MAX_MESSAGE_BYTES, Link, failure, read_all

EOF = grpc.aio.EOF


async def test_down(link: Link):
    async def count(request, context):
        for number in range(request.number):
            yield link.note(number=number)
        context.set_trailing_metadata((("t", "1"),))

    link.servicer.down = count
    call = link.stub.Down(link.note(number=1000))
    assert [note.number for note in await read_all(call)] == list(range(1000))
    assert await call.code() is grpc.StatusCode.OK
    assert await call.trailing_metadata() == (("t", "1"),)
    assert await read_all(link.stub.Down(link.note(number=0))) == []


async def test_up(link: Link):
    async def add(requests, context):
        return link.note(number=sum([request.number async for request in requests]))

    async def notes():
        for number in range(1000):
            yield link.note(number=number)

    link.servicer.up = add
    assert (await link.stub.Up(notes())).number == 499500
    assert (await link.stub.Up([link.note(number=3)] * 2)).number == 6
    call = link.stub.Up()
    await call.write(link.note(number=1))
    await call.write(link.note(number=2))
    await call.done_writing()
    await call.done_writing()
    assert (await call).number == 3
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(link.note())


async def test_nothing_can_be_written_after_done_writing(link: Link):
    async def add(requests, context):
        return link.note(number=sum([request.number async for request in requests]))

    link.servicer.up = add
    call = link.stub.Up()
    await call.done_writing()
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(link.note())
    assert (await call).number == 0


async def test_both_ways_take_turns(link: Link):
    async def double(requests, context):
        async for request in requests:
            yield link.note(number=request.number * 2)

    link.servicer.both = double
    call = link.stub.Both()
    for number in range(5):
        await call.write(link.note(number=number))
        assert (await call.read()).number == number * 2
    await call.done_writing()
    assert await call.read() is EOF
    assert await call.read() is EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_both_ways_at_once(link: Link):
    async def double(requests, context):
        async for request in requests:
            yield link.note(number=request.number * 2)

    async def notes():
        for number in range(500):
            yield link.note(number=number, weight=b"x" * 1000)

    link.servicer.both = double
    assert [note.number for note in await read_all(link.stub.Both(notes()))] == [2 * n for n in range(500)]


async def test_a_handler_may_read_and_write_by_itself(link: Link):
    async def talk(requests, context):
        first = await context.read()
        await context.write(link.note(text=f"got {first.text}"))
        assert await context.read() is EOF
        yield link.note(text="bye")

    link.servicer.both = talk
    call = link.stub.Both([link.note(text="x")])
    assert [note.text for note in await read_all(call)] == ["got x", "bye"]


async def test_reading_styles_do_not_mix(link: Link):
    async def count(request, context):
        yield request
        yield request

    link.servicer.down = count
    call = link.stub.Down(link.note())
    await call.read()
    with pytest.raises(grpc.aio.UsageError):
        await read_all(call)


@pytest.mark.parametrize("ending", ["ok", "abort", "raise"])
async def test_the_status_comes_after_the_last_message(link: Link, ending):
    async def three(request, context):
        for number in range(3):
            yield link.note(number=number)
        if ending == "abort":
            await context.abort(grpc.StatusCode.ABORTED, "enough", (("t", "1"),))
        if ending == "raise":
            raise ValueError("boom")

    link.servicer.down = three
    call = link.stub.Down(link.note())
    assert [(await call.read()).number for _ in range(3)] == [0, 1, 2]
    if ending == "ok":
        assert await call.read() is EOF
    else:
        expected = grpc.StatusCode.ABORTED if ending == "abort" else grpc.StatusCode.UNKNOWN
        assert (await failure(call.read())).code() is expected
        assert (await failure(call.read())).code() is expected, "also when asked again"
        assert await call.code() is expected


async def test_a_status_waits_for_the_reader(link: Link, journal):
    async def three(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        for number in range(3):
            yield link.note(number=number)

    link.servicer.down = three
    call = link.stub.Down(link.note())
    await journal.until("ended")
    assert not call.done()
    for _ in range(3):
        await call.read()
    assert await asyncio.wait_for(call.code(), 10) is grpc.StatusCode.OK


async def test_a_slow_reader_holds_a_fast_writer_back(link: Link, journal):
    total, sent = 8000, {}

    async def flood(request, context):
        for number in range(total):
            sent[request.text] = number
            yield link.note(number=number, weight=b"x" * 1024)
        journal.add(request.text)

    link.servicer.down = flood
    slow = link.stub.Down(link.note(text="slow"))
    await slow.read()
    fast = link.stub.Down(link.note(text="fast"))
    assert len(await _rest(fast)) == total
    assert sent["slow"] < total - 1, "who is not held back has sent as much as the other, who began later"
    assert len(await _rest(slow)) == total - 1
    await journal.until("slow")


async def test_a_slow_handler_holds_a_fast_client_back(link: Link, journal):
    total, sent = 8000, {}
    go = asyncio.Event()

    async def count(requests, context):
        first = await anext(aiter(requests))
        journal.add(first.text)
        if first.text == "slow":
            await go.wait()
        return link.note(number=1 + len([request async for request in requests]))

    async def flood(name):
        for number in range(total):
            sent[name] = number
            yield link.note(text=name, weight=b"x" * 1024)

    link.servicer.up = count
    slow = link.stub.Up(flood("slow"))
    await journal.until("slow")
    assert (await link.stub.Up(flood("fast"))).number == total
    assert sent["slow"] < total - 1, "who is not held back has sent as much as the other, who began later"
    go.set()
    assert (await slow).number == total


async def test_an_early_answer_ends_the_stream_of_requests(link: Link, journal):
    async def hasty(requests, context):
        return link.note(text="early")

    async def flood():
        for _ in range(100_000):
            yield link.note(weight=b"x" * 1024)
        journal.add("all sent")

    link.servicer.up = hasty
    assert (await link.stub.Up(flood())).text == "early"
    assert journal.entries == []


async def test_a_client_learns_of_an_early_abort_when_it_writes(link: Link):
    async def hasty(requests, context):
        await context.abort(grpc.StatusCode.ABORTED, "early")

    link.servicer.up = hasty
    call = link.stub.Up()
    assert (await failure(call)).details() == "early"
    with pytest.raises(asyncio.InvalidStateError):
        await call.write(link.note())


async def test_big_messages_in_streams(link: Link):
    async def weigh(requests, context):
        async for request in requests:
            yield link.note(weight=b"x" * request.number)

    link.servicer.both = weigh
    fits = MAX_MESSAGE_BYTES - 100
    notes = [link.note(number=fits), link.note(weight=b"x" * fits)]
    assert [len(note.weight) for note in await read_all(link.stub.Both(notes))] == [fits, 0]
    for note in (link.note(number=MAX_MESSAGE_BYTES), link.note(weight=b"x" * MAX_MESSAGE_BYTES)):
        call = link.stub.Both([note])
        error = await failure(read_all(call))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_stream_of_an_unknown_method_is_unimplemented(link: Link):
    call = link.channel.unary_stream("/contract.v1.ContractService/Nope")(b"")
    assert (await failure(call.read())).code() is grpc.StatusCode.UNIMPLEMENTED
    call = link.channel.stream_stream("/contract.v1.ContractService/Nope")()
    assert (await failure(call.read())).code() is grpc.StatusCode.UNIMPLEMENTED


async def _rest(call):
    messages = []
    while (message := await call.read()) is not EOF:
        messages.append(message)
    return messages
