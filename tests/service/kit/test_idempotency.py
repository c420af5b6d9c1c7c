from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from kit.caller import METADATA_KEY, Caller, CallerSigner
from kit.clock import ManualClock
from kit.errors import Conflict, InvalidInput, NotFound, Unavailable
from kit.idempotency import LIFETIME, IdempotencyStore, new_attempt
from kit.idempotency_key import current_idempotency_key
from kit.inprocess import InProcessChannel, InProcessServer
from kit.interceptors.caller import CallerInterceptor
from kit.interceptors.errors import ErrorsInterceptor
from kit.interceptors.idempotency import IdempotencyInterceptor
from kit.status import from_rpc_error
from tests.conditions import come_true
from tests.service.kit.event_source import Database

CREATE, LIST = "/piecework.test.v1.TestService/Create", "/piecework.test.v1.TestService/List"
OPERATOR = Caller(kind="operator", operator_id=7, scopes=("queue:write",))
SIGNER = CallerSigner("k" * 32)


class Handlers:
    """Creates things: each call has an effect."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.keys: list[str | None] = []
        self.fail_with: Exception | None = None
        self.set_code = False
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def create(self, request: StringValue, context: Any) -> StringValue:
        self.keys.append(current_idempotency_key())
        self.begun.set()
        await self.go.wait()
        if self.fail_with is not None:
            raise self.fail_with
        if self.set_code:
            context.set_code(grpc.StatusCode.ABORTED)
        self.effects.append(request.value)
        return StringValue(value=f"{request.value}#{len(self.effects)}")

    def register(self, server: Any) -> None:
        method = grpc.unary_unary_rpc_method_handler(self.create, StringValue.FromString, StringValue.SerializeToString)
        handlers = {"Create": method, "List": method}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("piecework.test.v1.TestService", handlers),)
        )


class Client:
    """Calls the methods and tells the answer and whether it was replayed."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def call(
        self, value: str, key: str | None = "k", *, caller: Caller = OPERATOR, method: str = CREATE
    ) -> tuple[str, bool]:
        metadata = [(METADATA_KEY, SIGNER.sign(caller))]
        if key is not None:
            metadata.append(("idempotency-key", key))
        stub = self._channel.unary_unary(method, StringValue.SerializeToString, StringValue.FromString)
        call = stub(StringValue(value=value), metadata=metadata, timeout=20)
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        trailers = dict(await call.trailing_metadata())
        return answer.value, trailers.get("idempotency-replayed") == "true"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def store(database: Database, clock: ManualClock) -> IdempotencyStore:
    store = IdempotencyStore(database, clock, patience_seconds=0.05)
    await store.prepare()
    return store


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture(params=["network", "in-process"])
async def client(request: pytest.FixtureRequest, store: IdempotencyStore, handlers: Handlers) -> AsyncIterator[Client]:
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (
        ErrorsInterceptor(),
        CallerInterceptor(SIGNER),
        IdempotencyInterceptor(store, frozenset({CREATE})),
    )
    channel: Any
    server: Any
    if request.param == "network":
        server = grpc.aio.server(interceptors=interceptors)
        handlers.register(server)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    else:
        server = InProcessServer(interceptors)
        handlers.register(server)
        channel = InProcessChannel(server)
    await server.start()
    yield Client(channel)
    await channel.close()
    await server.stop(None)


async def test_the_same_call_gets_the_first_answer(client: Client, handlers: Handlers) -> None:
    assert await client.call("a") == ("a#1", False)
    assert await client.call("a") == ("a#1", True)
    assert await client.call("a", "other") == ("a#2", False)
    assert handlers.effects == ["a", "a"]
    assert [key and key.partition(":")[0] for key in handlers.keys] == ["k", "other"]


async def test_a_repetition_finds_its_own_effect_and_no_other_one(
    client: Client, handlers: Handlers, clock: ManualClock
) -> None:
    handlers.fail_with = Unavailable("BROKEN", "not now")
    for value in ("a", "a", "b"):
        with pytest.raises(Unavailable):
            await client.call(value)
    first, again, other = handlers.keys
    assert first == again
    assert first != other
    handlers.fail_with = None
    await client.call("a")
    clock.set(clock.now() + LIFETIME + timedelta(seconds=1))
    await client.call("c")
    assert handlers.keys[-1] not in handlers.keys[:-1]


async def test_without_a_key_every_call_is_its_own(client: Client, handlers: Handlers) -> None:
    assert await client.call("a", None) == ("a#1", False)
    assert await client.call("a", None) == ("a#2", False)
    assert handlers.keys == [None, None]


async def test_other_methods_ignore_the_key(client: Client, handlers: Handlers) -> None:
    assert await client.call("a", method=LIST) == ("a#1", False)
    assert await client.call("a", method=LIST) == ("a#2", False)
    assert handlers.keys == [None, None]


async def test_a_key_used_for_another_request_is_refused(client: Client, handlers: Handlers) -> None:
    await client.call("a")
    with pytest.raises(InvalidInput) as caught:
        await client.call("b")
    assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"
    assert handlers.effects == ["a"]


async def test_a_weaker_credential_is_not_handed_the_answer(client: Client) -> None:
    await client.call("a")
    weaker = Caller(kind="operator", operator_id=7, scopes=("queue:read",))
    with pytest.raises(InvalidInput) as caught:
        await client.call("a", caller=weaker)
    assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_operators_do_not_share_keys(client: Client) -> None:
    await client.call("a")
    other = Caller(kind="operator", operator_id=8, scopes=("queue:write",))
    assert await client.call("a", caller=other) == ("a#2", False)


async def test_nobody_in_particular_has_no_keys(client: Client) -> None:
    anonymous = Caller(kind="anonymous")
    assert await client.call("a", caller=anonymous) == ("a#1", False)
    assert await client.call("a", caller=anonymous) == ("a#2", False)


async def test_a_call_that_still_runs_is_not_begun_twice(client: Client, handlers: Handlers) -> None:
    handlers.go.clear()
    first = asyncio.create_task(client.call("a"))
    await handlers.begun.wait()
    with pytest.raises(Conflict) as caught:
        await client.call("a")
    assert caught.value.reason == "IDEMPOTENCY_IN_PROGRESS"
    assert caught.value.retry_after_seconds == 1.0
    handlers.go.set()
    assert await first == ("a#1", False)
    assert await client.call("a") == ("a#1", True)


async def test_many_at_once_have_one_effect_and_one_answer(database: Database, clock: ManualClock) -> None:
    first, *others = (new_attempt("1", "/m", "k", b"h") for _ in range(20))
    store = IdempotencyStore(database, clock, patience_seconds=30)
    assert await store.begin(first) is None
    waiting = [asyncio.create_task(store.begin(other)) for other in others]
    await asyncio.wait(waiting, timeout=0.05)
    assert not any(task.done() for task in waiting)
    await store.finish(first, b"answer")
    assert await asyncio.gather(*waiting) == [b"answer"] * 19


@pytest.mark.parametrize("failure", [NotFound("PROJECT_NOT_FOUND", "no"), RuntimeError("bug")])
async def test_a_call_that_failed_may_be_tried_again_at_once(
    client: Client, handlers: Handlers, failure: Exception
) -> None:
    handlers.fail_with = failure
    with pytest.raises(Exception, match=r"no|Internal"):
        await client.call("a")
    handlers.fail_with = None
    assert await client.call("b") == ("b#1", False)


async def test_an_answer_with_an_error_code_is_not_kept(client: Client, handlers: Handlers) -> None:
    handlers.set_code = True
    with pytest.raises(Conflict):
        await client.call("a")
    handlers.set_code = False
    assert await client.call("a") == ("a#2", False)


async def test_a_call_whose_client_left_may_be_tried_again(
    client: Client, handlers: Handlers, database: Database
) -> None:
    handlers.go.clear()
    leaving = asyncio.create_task(client.call("a"))
    await handlers.begun.wait()
    leaving.cancel()

    async def forgotten() -> bool:
        return await database["idempotency"].count_documents({}) == 0

    await come_true(forgotten)
    handlers.go.set()
    assert await client.call("a") == ("a#1", False)


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_without_shape_is_refused(client: Client, handlers: Handlers, key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await client.call("a", key)
    assert caught.value.reason == "IDEMPOTENCY_KEY_INVALID"
    assert not handlers.effects


async def test_a_key_may_be_long_and_strange(client: Client) -> None:
    key = " ~!:$" + "x" * 250
    await client.call("a", key)
    assert await client.call("a", key) == ("a#1", True)


async def test_a_call_that_died_is_taken_over_by_one(store: IdempotencyStore, clock: ManualClock) -> None:
    assert await store.begin(new_attempt("1", "/m", "k", b"h")) is None
    clock.set(clock.now() + timedelta(seconds=9))
    with pytest.raises(Conflict):
        await store.begin(new_attempt("1", "/m", "k", b"h"))
    clock.set(clock.now() + timedelta(seconds=1))
    outcomes = await asyncio.gather(
        *(store.begin(new_attempt("1", "/m", "k", b"h")) for _ in range(10)), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 9


async def test_who_was_taken_over_changes_nothing_any_more(store: IdempotencyStore, clock: ManualClock) -> None:
    dead, alive = new_attempt("1", "/m", "k", b"h"), new_attempt("1", "/m", "k", b"h")
    await store.begin(dead)
    clock.set(clock.now() + timedelta(seconds=10))
    await store.begin(alive)
    await store.finish(dead, b"late")
    await store.discard(dead)
    await store.finish(alive, b"answer")
    await store.discard(alive)
    assert await store.begin(new_attempt("1", "/m", "k", b"h")) == b"answer"


async def test_an_answer_is_kept_for_a_day(store: IdempotencyStore, clock: ManualClock, database: Database) -> None:
    attempt = new_attempt("1", "/m", "k", b"h")
    await store.begin(attempt)
    await store.finish(attempt, b"answer")
    clock.set(clock.now() + timedelta(hours=24, milliseconds=-1))
    assert await store.begin(new_attempt("1", "/m", "k", b"h")) == b"answer"
    clock.set(clock.now() + timedelta(milliseconds=1))
    assert await store.begin(new_attempt("1", "/m", "k", b"something else")) is None
    indexes = await database["idempotency"].index_information()
    assert indexes["expires_at"]["expireAfterSeconds"] == 0
