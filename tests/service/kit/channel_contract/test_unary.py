# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
from __future__ import annotations

import asyncio
import contextvars

import grpc
import grpc.aio
import pytest

from tests.service.kit.channel_contract.links import MAX_MESSAGE_BYTES, Link, failure

_LEAK = contextvars.ContextVar("leak", default="nothing")


async def _echo(request, context):
    return request


async def test_a_call_returns_what_the_handler_returns(link: Link):
    link.servicer.unary = _echo
    sent = link.note(text="hello", number=7, weight=b"\0\xff")

    received = await link.stub.Unary(sent)

    assert received == sent
    assert received is not sent, "messages are serialised"


async def test_the_call_object_tells_how_the_call_went(link: Link):
    link.servicer.unary = _echo
    call = link.stub.Unary(link.note(text="a"), timeout=30)
    assert not call.done()
    assert not call.cancelled()
    assert 20 < call.time_remaining() <= 30
    assert isinstance(call, grpc.aio.UnaryUnaryCall)

    assert (await call).text == "a"

    assert (await call).text == "a", "a call can be awaited again"
    assert call.done()
    assert call.cancel() is False
    assert await call.code() is grpc.StatusCode.OK
    assert await call.details() == ""
    assert await call.debug_error_string() == ""  # type: ignore[attr-defined]
    await call.wait_for_connection()


async def test_a_call_runs_without_being_awaited(link: Link):
    finished = asyncio.Event()

    async def note_it(request, context):
        finished.set()
        return request

    link.servicer.unary = note_it
    link.stub.Unary(link.note())
    await asyncio.wait_for(finished.wait(), 10)


async def test_done_callbacks_get_the_call(link: Link):
    link.servicer.unary = _echo
    seen = []
    call = link.stub.Unary(link.note())
    call.add_done_callback(seen.append)
    await call
    call.add_done_callback(seen.append)
    assert seen == [call, call]


async def test_many_calls_at_once_get_their_own_answers(link: Link):
    async def slow_first(request, context):
        await asyncio.sleep(0.02 if request.number < 10 else 0)
        return link.note(number=request.number * 2)

    link.servicer.unary = slow_first
    answers = await asyncio.gather(*(link.stub.Unary(link.note(number=n)) for n in range(200)))
    assert [answer.number for answer in answers] == [n * 2 for n in range(200)]


async def test_an_abort_carries_code_details_and_trailers(link: Link):
    async def abort(request, context):
        await context.abort(
            grpc.StatusCode.NOT_FOUND, "no such thing", (("why", "gone"), ("why", "long"), ("x-bin", b"\0"))
        )

    link.servicer.unary = abort
    call = link.stub.Unary(link.note())
    error = await failure(call)

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "no such thing"
    assert error.trailing_metadata() == (("why", "gone"), ("why", "long"), ("x-bin", b"\0"))
    assert error.debug_error_string() == "NOT_FOUND:no such thing"
    assert await call.code() is grpc.StatusCode.NOT_FOUND
    assert await call.trailing_metadata() == error.trailing_metadata()
    assert call.done()
    assert not call.cancelled()
    with pytest.raises(grpc.aio.AioRpcError):
        await call.wait_for_connection()


async def test_an_abort_without_words_uses_what_was_set_before(link: Link):
    async def abort(request, context):
        context.set_details("as said before")
        context.set_trailing_metadata((("k", "v"),))
        await context.abort(grpc.StatusCode.ABORTED)

    link.servicer.unary = abort
    error = await failure(link.stub.Unary(link.note()))
    assert (error.details(), error.trailing_metadata()) == ("as said before", (("k", "v"),))


async def test_abort_with_status(link: Link):
    class Status(grpc.Status):
        code = grpc.StatusCode.ABORTED
        details = "by status"
        trailing_metadata = (("k", "v"),)

    async def abort(request, context):
        await context.abort_with_status(Status())

    link.servicer.unary = abort
    error = await failure(link.stub.Unary(link.note()))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "by status")
    assert error.trailing_metadata() == (("k", "v"),)


async def test_a_second_abort_and_a_suppressed_abort_change_nothing(link: Link):
    async def abort_twice(request, context):
        with pytest.raises(grpc.aio.AbortError):
            await context.abort(grpc.StatusCode.ABORTED, "first")
        with pytest.raises(grpc.aio.UsageError):
            await context.abort(grpc.StatusCode.NOT_FOUND, "second")
        return request

    link.servicer.unary = abort_twice
    error = await failure(link.stub.Unary(link.note()))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "first")


@pytest.mark.parametrize("trailers", [[("k", "v")], {"k": "v"}, (("k", 5),), grpc.aio.Metadata(("k", "v"))])
async def test_abort_takes_a_tuple_of_pairs_only(link: Link, trailers):
    async def abort(request, context):
        await context.abort(grpc.StatusCode.ABORTED, "words", trailers)

    link.servicer.unary = abort
    error = await failure(link.stub.Unary(link.note()))
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert "TypeError" in error.details()


async def test_set_code_ends_the_call_with_that_code_and_no_response(link: Link):
    async def give_up(request, context):
        context.set_code(grpc.StatusCode.DATA_LOSS)
        context.set_details("lost")
        assert context.code() is grpc.StatusCode.DATA_LOSS
        assert context.details() == "lost"
        return request

    link.servicer.unary = give_up
    error = await failure(link.stub.Unary(link.note()))
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "lost")


async def test_an_exception_becomes_unknown(link: Link):
    async def fail(request, context):
        raise ValueError("boom")

    link.servicer.unary = fail
    error = await failure(link.stub.Unary(link.note()))
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert error.details() == "Unexpected <class 'ValueError'>: boom"


async def test_an_exception_after_set_code_keeps_the_code(link: Link):
    async def fail(request, context):
        context.set_code(grpc.StatusCode.OUT_OF_RANGE)
        raise ValueError("boom")

    link.servicer.unary = fail
    assert (await failure(link.stub.Unary(link.note()))).code() is grpc.StatusCode.OUT_OF_RANGE


async def test_an_unknown_method_is_unimplemented(link: Link):
    for method in ("/contract.v1.ContractService/Nope", "/nope"):
        for kind in ("unary_unary", "stream_unary"):
            call = getattr(link.channel, kind)(method)
            error = await failure(call(b"" if kind == "unary_unary" else iter([b""])))
            assert (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


async def test_big_messages_pass_and_bigger_ones_do_not(link: Link):
    async def weigh(request, context):
        return link.note(weight=b"x" * request.number)

    link.servicer.unary = weigh
    fits = MAX_MESSAGE_BYTES - 100
    assert len((await link.stub.Unary(link.note(number=fits, weight=b"x" * fits))).weight) == fits

    error = await failure(link.stub.Unary(link.note(weight=b"x" * MAX_MESSAGE_BYTES)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "SERVER: Received message larger than max (1048580 vs. 1048576)" in error.details()

    error = await failure(link.stub.Unary(link.note(number=MAX_MESSAGE_BYTES)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "CLIENT: Received message larger than max (1048580 vs. 1048576)" in error.details()


async def test_nothing_of_the_clients_context_reaches_the_handler(link: Link):
    async def look(request, context):
        before = _LEAK.get()
        _LEAK.set("from the handler")
        return link.note(text=before)

    link.servicer.unary = look
    _LEAK.set("from the client")
    assert (await link.stub.Unary(link.note())).text == "nothing"
    assert (await link.stub.Unary(link.note())).text == "nothing", "each call has its own"
    assert _LEAK.get() == "from the client"
    seen = []
    call = link.stub.Unary(link.note())
    call.add_done_callback(lambda _: seen.append(_LEAK.get()))
    await call
    assert seen == ["from the client"]
