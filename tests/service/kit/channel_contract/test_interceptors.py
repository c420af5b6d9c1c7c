# ruff: noqa: ARG001, ARG002 - handlers take a request and a context, needed or not
from __future__ import annotations

import contextvars

import grpc
import grpc.aio

from tests.service.kit.channel_contract.links import Link, failure, read_all

_SEEN = contextvars.ContextVar("seen", default="")


class Tracer(grpc.aio.ServerInterceptor):
    def __init__(self, name):
        self.name = name

    async def intercept_service(self, continuation, handler_call_details):
        _SEEN.set(_SEEN.get() + self.name)
        metadata = dict(handler_call_details.invocation_metadata)
        if metadata.get("refuse") == self.name:
            return grpc.unary_unary_rpc_method_handler(self._refuse)
        if handler_call_details.method.endswith("Missing"):
            return None
        return await continuation(handler_call_details)

    async def _refuse(self, request, context):
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, self.name)


class Raiser(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation, handler_call_details):
        raise RuntimeError("broken interceptor")


async def test_server_interceptors_run_from_the_outside_in_and_share_the_handlers_context(closed_link: Link):
    await closed_link.open([Tracer("a"), Tracer("b")])

    async def look(request, context):
        return closed_link.note(text=_SEEN.get())

    closed_link.servicer.unary = look
    for _ in range(2):
        assert (await closed_link.stub.Unary(closed_link.note())).text == "ab"


async def test_a_server_interceptor_can_answer_by_itself(closed_link: Link):
    await closed_link.open([Tracer("a"), Tracer("b")])
    error = await failure(closed_link.stub.Unary(closed_link.note(), metadata=(("refuse", "b"),)))
    assert (error.code(), error.details()) == (grpc.StatusCode.PERMISSION_DENIED, "b")


async def test_a_server_interceptor_can_hide_a_method(closed_link: Link):
    await closed_link.open([Tracer("a")])
    error = await failure(closed_link.stub.Missing(closed_link.note()))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_server_interceptor_that_fails_ends_the_call(closed_link: Link):
    await closed_link.open([Raiser()])
    error = await failure(closed_link.stub.Unary(closed_link.note()))
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert "broken interceptor" in error.details()


class Stamp(
    grpc.aio.UnaryUnaryClientInterceptor,
):
    def __init__(self, name, seen):
        self.name = name
        self.seen = seen

    async def intercept_unary_unary(self, continuation, client_call_details, request):
        self.seen.append((self.name, client_call_details.method, client_call_details.timeout))
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()))
        metadata.add("stamp", self.name)
        details = grpc.aio.ClientCallDetails(
            client_call_details.method,
            client_call_details.timeout,
            metadata,
            client_call_details.credentials,
            client_call_details.wait_for_ready,
        )
        call = await continuation(details, request)
        self.seen.append((self.name, await call.code()))
        return call


class StreamStamp(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation, client_call_details, request):
        client_call_details.metadata.add("stamp", "s")
        return await continuation(client_call_details, request)


async def test_client_interceptors_wrap_calls(closed_link: Link):
    seen = []
    await closed_link.open(client_interceptors=[Stamp("a", seen), Stamp("b", seen), StreamStamp()])

    async def stamps(request, context):
        found = [value for key, value in context.invocation_metadata() if key == "stamp"]
        return closed_link.note(text=",".join(found))

    async def stream_stamps(request, context):
        yield await stamps(request, context)

    closed_link.servicer.unary = stamps
    closed_link.servicer.down = stream_stamps
    assert (await closed_link.stub.Unary(closed_link.note(), timeout=9)).text == "a,b"
    assert [note.text for note in await read_all(closed_link.stub.Down(closed_link.note()))] == ["s"]
    method = b"/contract.v1.ContractService/Unary"
    ok = grpc.StatusCode.OK
    assert seen == [("a", method, 9), ("b", method, 9), ("b", ok), ("a", ok)]


async def test_client_interceptors_see_errors(closed_link: Link):
    seen = []
    await closed_link.open(client_interceptors=[Stamp("a", seen)])

    async def abort(request, context):
        await context.abort(grpc.StatusCode.ABORTED, "no")

    closed_link.servicer.unary = abort
    error = await failure(closed_link.stub.Unary(closed_link.note()))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "no")
    assert seen[-1] == ("a", grpc.StatusCode.ABORTED)
