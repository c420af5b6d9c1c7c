# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2

from kit.errors import Exhausted, FieldViolation, InvalidInput
from kit.status import abort_with, from_rpc_error
from tests.service.kit.channel_contract.links import Link, failure


async def _echo(request, context):
    return request


async def test_a_handler_sees_the_metadata_of_the_client(link: Link, journal):
    async def look(request, context):
        journal.add(context.invocation_metadata())
        journal.add(context.peer())
        return request

    link.servicer.unary = look
    await link.stub.Unary(link.note(), metadata=(("k", "v"), ("k", "w"), ("b-bin", b"\xff"), ("empty", "")))

    metadata, peer = journal.entries
    assert isinstance(metadata, tuple)
    assert [tuple(entry) for entry in metadata[1:]] == [("k", "v"), ("k", "w"), ("b-bin", b"\xff"), ("empty", "")]
    assert metadata[0].key == "user-agent"
    assert metadata[0].value.startswith("grpc-python-asyncio/")
    scheme, host, port = peer.split(":")
    assert scheme in ("ipv4", "inproc")
    assert host == "127.0.0.1"
    assert port.isdecimal()


@pytest.mark.parametrize("metadata", [None, (), [("k", "v")], grpc.aio.Metadata(("k", "v"))])
async def test_metadata_comes_in_many_forms(link: Link, journal, metadata):
    async def look(request, context):
        journal.add([tuple(entry) for entry in context.invocation_metadata()[1:]])
        return request

    link.servicer.unary = look
    await link.stub.Unary(link.note(), metadata=metadata)
    assert journal.entries == [[("k", "v")] if metadata else []]


@pytest.mark.parametrize("entry", [("Upper", "v"), ("a b", "v"), ("", "v"), ("k", "é"), ("k", "a\nb"), (":path", "v")])
async def test_metadata_that_cannot_travel_is_refused(link: Link, entry):
    link.servicer.unary = _echo
    with pytest.raises(grpc.aio.InternalError):
        await link.stub.Unary(link.note(), metadata=(entry,))


@pytest.mark.parametrize("entry", [("s-bin", "text"), ("k", 5)])
async def test_metadata_of_the_wrong_type_is_refused(link: Link, entry):
    link.servicer.unary = _echo
    with pytest.raises(TypeError):
        await link.stub.Unary(link.note(), metadata=(entry,))


async def test_a_client_sees_initial_and_trailing_metadata(link: Link):
    async def answer(request, context):
        await context.send_initial_metadata((("first", "1"), ("i-bin", b"\0\1")))
        with pytest.raises(grpc.aio.UsageError):
            await context.send_initial_metadata((("again", "1"),))
        context.set_trailing_metadata((("last", "x"), ("last", "y"), ("t-bin", b"\2")))
        assert tuple(context.trailing_metadata()) == (("last", "x"), ("last", "y"), ("t-bin", b"\2"))
        return request

    link.servicer.unary = answer
    call = link.stub.Unary(link.note())
    await call
    assert await call.initial_metadata() == (("first", "1"), ("i-bin", b"\0\1"))
    trailers = await call.trailing_metadata()
    assert trailers == (("last", "x"), ("last", "y"), ("t-bin", b"\2"))
    assert isinstance(trailers, grpc.aio.Metadata)
    assert trailers["last"] == "x"


async def test_initial_metadata_arrives_before_the_response(link: Link):
    release = asyncio.Event()

    async def answer(request, context):
        await context.send_initial_metadata((("first", "1"),))
        await release.wait()
        return request

    link.servicer.unary = answer
    call = link.stub.Unary(link.note(text="x"))
    if link.kind == "network":
        # grpc.aio asks its core for headers and response in one step, so a unary call shows its headers at the end.
        release.set()
    assert await asyncio.wait_for(call.initial_metadata(), 10) == (("first", "1"),)
    release.set()
    assert (await call).text == "x"


async def test_a_stream_shows_its_headers_before_its_first_message(link: Link):
    release = asyncio.Event()

    async def answer(request, context):
        await context.send_initial_metadata((("first", "1"),))
        await release.wait()
        yield request

    link.servicer.down = answer
    call = link.stub.Down(link.note(text="x"))
    assert await asyncio.wait_for(call.initial_metadata(), 10) == (("first", "1"),)
    release.set()
    assert (await call.read()).text == "x"


async def test_trailers_that_cannot_travel_end_the_call_as_internal(link: Link):
    async def answer(request, context):
        context.set_trailing_metadata((("Upper", "v"),))
        return request

    link.servicer.unary = answer
    error = await failure(link.stub.Unary(link.note()))
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "Invalid metadata")


async def test_rich_errors_survive_the_way(link: Link):
    violations = (FieldViolation("tasks[3].type_id", "must be set", "required"), FieldViolation("name", "is long"))

    async def refuse(request, context):
        error = InvalidInput("VALIDATION_FAILED", "Ungültig", metadata={"a": "ü"}, violations=violations)
        await abort_with(context, error, "piecework.tasks")

    link.servicer.unary = refuse
    rpc_error = await failure(link.stub.Unary(link.note()))
    error = from_rpc_error(rpc_error)

    assert isinstance(error, InvalidInput)
    assert (error.reason, error.message, error.metadata) == ("VALIDATION_FAILED", "Ungültig", {"a": "ü"})
    assert error.violations == violations
    assert error.retry_after_seconds is None
    details = rpc_error.trailing_metadata()["grpc-status-details-bin"]
    assert error_details_pb2.ErrorInfo.DESCRIPTOR.full_name.encode() in details


async def test_a_retry_hint_survives_the_way_of_a_stream(link: Link):
    async def refuse(request, context):
        yield request
        await abort_with(context, Exhausted("RATE", "Slow down", retry_after_seconds=1.25), "piecework.tasks")

    link.servicer.down = refuse
    call = link.stub.Down(link.note())
    await call.read()
    error = from_rpc_error(await failure(call.read()))
    assert isinstance(error, Exhausted)
    assert error.retry_after_seconds == 1.25
