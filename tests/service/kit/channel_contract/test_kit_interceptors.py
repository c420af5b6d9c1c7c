# ruff: noqa: ARG001 - handlers take a request and a context, needed or not
"""The interceptors of the kit do the same on both kinds of server, for all four kinds of call."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from kit.caller import METADATA_KEY, Caller, CallerSigner, service_caller
from kit.channels import Outgoing
from kit.errors import FieldViolation, InvalidInput, NotFound, Unauthenticated
from kit.interceptors.access import AccessInterceptor, RpcMetrics
from kit.interceptors.caller import CallerInterceptor, current_caller, remaining_seconds
from kit.interceptors.errors import ErrorsInterceptor
from kit.interceptors.validation import ValidationInterceptor
from kit.status import from_rpc_error
from tests.service.kit.channel_contract.links import Link, failure, read_all

OPERATOR = Caller(kind="operator", operator_id=5, scopes=("queue:read",))
SERVICE = "/contract.v1.ContractService"


class Kit:
    def __init__(self) -> None:
        self.signer = CallerSigner("k" * 32)
        self.registry = CollectorRegistry()
        self.interceptors = [
            AccessInterceptor(RpcMetrics(self.registry)),
            ErrorsInterceptor(),
            CallerInterceptor(self.signer),
            ValidationInterceptor(),
        ]
        self.options = Outgoing(self.signer)(OPERATOR)

    def count(self, method: str, code: str) -> float | None:
        labels = {"method": f"{SERVICE}/{method}", "code": code}
        return self.registry.get_sample_value("piecework_rpc_calls_total", labels)


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture
async def guarded(closed_link: Link, kit: Kit) -> Link:
    await closed_link.open(kit.interceptors)
    return closed_link


def _calls(link: Link, note, *, sends: str = "everything", **options):
    """Start one call of each kind with `note` as its request.

    A call that is refused early must not be sending any more: grpcio then sometimes reports a failure of its own.
    """
    yield link.stub.Unary(note, **options)
    yield read_all(link.stub.Down(note, **options))
    yield _write(link.stub.Up(**options), note, sends)
    yield _write(link.stub.Both(**options), note, sends)


async def _write(call, note, sends: str):
    if sends != "nothing":
        await call.write(note)
    if sends == "everything":
        await call.done_writing()
    return await read_all(call) if hasattr(call, "__aiter__") else await call


def _behave(link: Link, act):
    """Let all four methods read their first request and then do `act`."""

    async def unary(request, context):
        return await act(request, context)

    async def down(request, context):
        yield await act(request, context)

    async def up(requests, context):
        (request,) = [request async for request in requests]
        return await act(request, context)

    async def both(requests, context):
        yield await up(requests, context)

    link.servicer.unary, link.servicer.down, link.servicer.up, link.servicer.both = unary, down, up, both


async def test_the_caller_is_known_in_the_handler(guarded: Link, kit):
    async def who(request, context):
        assert 5 < remaining_seconds() < 10.5  # the wire rounds deadlines up
        return guarded.note(text=f"{current_caller().kind} {current_caller().operator_id}")

    _behave(guarded, who)
    for call in _calls(guarded, guarded.note(), **kit.options):
        answer = await call
        assert (answer[0] if isinstance(answer, list) else answer).text == "operator 5"
    assert current_caller().kind == "anonymous"
    assert remaining_seconds() is None


@pytest.mark.parametrize("token", [None, "forged"])
async def test_a_call_without_a_good_token_is_refused(guarded: Link, token):
    async def never(request, context):
        raise AssertionError("not reached")

    _behave(guarded, never)
    metadata = () if token is None else ((METADATA_KEY, token),)
    for call in _calls(guarded, guarded.note(), sends="nothing", metadata=metadata):
        error = from_rpc_error(await failure(call))
        assert isinstance(error, Unauthenticated)
        assert error.reason == ("CALLER_TOKEN_MISSING" if token is None else "CALLER_TOKEN_INVALID")


async def test_a_token_is_good_for_one_installation_only(guarded: Link):
    other = Outgoing(CallerSigner("o" * 32))(service_caller("gateway"))
    error = from_rpc_error(await failure(guarded.stub.Unary(guarded.note(), **other)))
    assert error.reason == "CALLER_TOKEN_INVALID"


async def test_domain_errors_become_their_status(guarded: Link, kit):
    async def refuse(request, context):
        raise NotFound("NOTE_NOT_FOUND", "No such note", metadata={"id": "7"})

    _behave(guarded, refuse)
    for call in _calls(guarded, guarded.note(), **kit.options):
        error = await failure(call)
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "No such note")
        domain_error = from_rpc_error(error)
        assert (domain_error.reason, domain_error.metadata) == ("NOTE_NOT_FOUND", {"id": "7"})
        assert b"contract.v1" in error.trailing_metadata()["grpc-status-details-bin"]


async def test_unknown_exceptions_are_logged_once_and_tell_nothing(guarded: Link, kit):
    async def fail(request, context):
        raise KeyError("a secret")

    _behave(guarded, fail)
    for call in _calls(guarded, guarded.note(), **kit.options):
        with capture_logs() as logs:
            error = await failure(call)
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "Internal error")
        assert not error.trailing_metadata()
        stacks = [entry for entry in logs if "exc_info" in entry]
        assert len(stacks) == 1
        assert isinstance(stacks[0]["exc_info"], KeyError)


async def test_a_handler_cancelled_by_something_of_its_own_fails(guarded: Link, kit):
    async def wait_for_the_cancelled(request, context):
        inner = asyncio.create_task(asyncio.Event().wait())
        inner.cancel()
        await inner

    _behave(guarded, wait_for_the_cancelled)
    for call in _calls(guarded, guarded.note(), **kit.options):
        assert (await failure(call)).code() is grpc.StatusCode.INTERNAL


async def test_an_unreachable_peer_makes_the_call_unavailable(guarded: Link, kit):
    async def ask_peer(request, context):
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, details="connection refused")

    _behave(guarded, ask_peer)
    for call in _calls(guarded, guarded.note(), **kit.options):
        assert (await failure(call)).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_request_that_breaks_the_rules_does_not_reach_the_handler(guarded: Link, kit):
    async def never(request, context):
        raise AssertionError("not reached")

    _behave(guarded, never)
    note = guarded.note(number=-1, replies=[guarded.note(), guarded.note(number=-2)])
    note.named["a b"].number = -3
    for call in _calls(guarded, note, sends="one note", **kit.options):
        error = from_rpc_error(await failure(call))
        assert isinstance(error, InvalidInput)
        assert error.reason == "VALIDATION_FAILED"
        words = "must be greater than or equal to 0"
        assert error.violations == (
            FieldViolation("number", words, "int32.gte"),
            FieldViolation("replies[1].number", words, "int32.gte"),
            FieldViolation('named["a b"].number', words, "int32.gte"),
        )


async def test_each_call_gets_a_line_and_is_counted(guarded: Link, kit, journal):
    async def act(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        if request.text == "refuse":
            raise NotFound("NOTE_NOT_FOUND", "No such note")
        return request

    _behave(guarded, act)
    for text, code in (("", "OK"), ("refuse", "NOT_FOUND")):
        with capture_logs() as logs:
            for call in _calls(guarded, guarded.note(text=text), **kit.options):
                journal.entries.clear()
                await asyncio.gather(call, return_exceptions=True)
                await journal.until("ended")
        lines = [entry for entry in logs if entry["event"] == "rpc"]
        assert [line["method"] for line in lines] == [f"{SERVICE}/{name}" for name in ("Unary", "Down", "Up", "Both")]
        assert {(line["code"], line["caller"], line["operator_id"]) for line in lines} == {(code, "operator", 5)}
        assert [kit.count(name, code) for name in ("Unary", "Down", "Up", "Both")] == [1, 1, 1, 1]
    assert kit.registry.get_sample_value("piecework_rpc_in_flight", {"method": f"{SERVICE}/Unary"}) == 0


async def test_methods_that_do_not_exist_make_no_series(guarded: Link, kit):
    error = await failure(guarded.channel.unary_unary(f"{SERVICE}/Nope")(b""))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "Nope" not in str(list(kit.registry.collect()))


async def test_a_cancelled_call_is_counted_as_cancelled(guarded: Link, kit, journal):
    async def wait(request, context):
        context.add_done_callback(lambda _: journal.add("ended"))
        journal.add("began")
        await asyncio.Event().wait()

    _behave(guarded, wait)
    call = guarded.stub.Unary(guarded.note(), **kit.options)
    await journal.until("began")
    call.cancel()
    await journal.until("ended")
    assert kit.count("Unary", "CANCELLED") == 1

    late = guarded.stub.Unary(guarded.note(), timeout=1, metadata=kit.options["metadata"])
    journal.entries.clear()
    assert (await failure(late)).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await journal.until("ended")
    assert kit.count("Unary", "DEADLINE_EXCEEDED") == 1


async def test_outgoing_calls_inherit_the_caller_and_what_is_left_of_the_deadline(guarded: Link, kit):
    outgoing = Outgoing(kit.signer)

    async def look(request, context):
        options = outgoing(timeout=60)
        assert options["timeout"] < 3.5
        assert outgoing(timeout=0.5)["timeout"] == 0.5
        assert outgoing(timeout=None)["timeout"] < 3.5
        ((key, token),) = options["metadata"]
        assert key == METADATA_KEY
        return guarded.note(number=kit.signer.verify(token).operator_id)

    _behave(guarded, look)
    answer = await guarded.stub.Unary(guarded.note(), **outgoing(OPERATOR, timeout=3))
    assert answer.number == 5
    assert outgoing(timeout=60, idempotency_key="k1")["metadata"][1] == ("idempotency-key", "k1")
    assert outgoing(timeout=60)["timeout"] == 60
