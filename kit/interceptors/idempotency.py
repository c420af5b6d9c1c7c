"""The same call with the same idempotency key gets the same answer, and has one effect."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import msgspec
import structlog

from kit.caller import Caller
from kit.errors import InvalidInput, Unavailable
from kit.idempotency import Attempt, IdempotencyStore, new_attempt
from kit.idempotency_key import METADATA_KEY, REPLAYED_METADATA_KEY, set_idempotency_key
from kit.interceptors.caller import current_caller
from kit.interceptors.methods import Behaviour, Handler, MethodInterceptor

_MAX_KEY_LENGTH = 255
_DIGITS = 32
_REPLAYED = ((REPLAYED_METADATA_KEY, "true"),)

_log = structlog.get_logger(__name__)


class IdempotencyInterceptor(MethodInterceptor):
    """Answers repeated calls from the records of a service.

    Only answers of calls that went well are kept; one that failed may be tried again at once. A replayed answer
    carries the trailing metadata `idempotency-replayed: true`.

    Args:
        store: the records of the service.
        methods: full names of the unary methods that take a key, `/package.Service/Method`; others ignore it.
    """

    def __init__(self, store: IdempotencyStore, methods: frozenset[str]) -> None:
        super().__init__()
        self._store = store
        self._methods = methods
        self._discarding: set[asyncio.Task[None]] = set()

    def applies_to(self, method: str) -> bool:
        """Tell whether `method` takes a key."""
        return method in self._methods

    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Refuse: unary methods are wrapped together with their serializer."""
        raise TypeError(f"{method} is not unary: it cannot take an idempotency key")

    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Refuse: only unary methods have one answer to keep."""
        raise TypeError(f"{method} is not unary: it cannot take an idempotency key")

    def _wrap(self, method: str, handler: Handler) -> Handler:
        if handler.request_streaming or handler.response_streaming:
            raise TypeError(f"{method} is not unary: it cannot take an idempotency key")
        behaviour, serialize = handler.unary_unary, handler.response_serializer

        async def once(request: Any, context: Any) -> Any:
            caller, key = current_caller(), _key_of(context)
            if key is None or caller.kind == "anonymous":
                return await behaviour(request, context)
            attempt = new_attempt(_holder(caller), method, key, _digest(caller, request))
            answer = await self._begin(attempt)
            if answer is not None:
                context.set_trailing_metadata(_REPLAYED)
                return answer
            # With what is asked for: another request under a key whose record is over must not find this one's effect.
            set_idempotency_key(f"{key}:{attempt.digest.hex()[:_DIGITS]}")
            return await self._execute(attempt, behaviour, request, context, serialize)

        # A kept answer is bytes already.
        return grpc.unary_unary_rpc_method_handler(
            once,
            handler.request_deserializer,
            lambda response: response if isinstance(response, bytes) else serialize(response),
        )

    async def _begin(self, attempt: Attempt) -> bytes | None:
        try:
            return await self._store.begin(attempt)
        except (asyncio.CancelledError, Unavailable):
            self._discard(attempt)  # the record may have been written
            raise

    async def _execute(
        self, attempt: Attempt, behaviour: Behaviour, request: Any, context: Any, serialize: Callable[[Any], bytes]
    ) -> bytes:
        try:
            response = serialize(await behaviour(request, context))
        except asyncio.CancelledError:
            self._discard(attempt)
            raise
        except BaseException:
            await asyncio.shield(self._discard(attempt))
            raise
        if context.code() not in (None, 0, grpc.StatusCode.OK):
            await asyncio.shield(self._discard(attempt))
            return response
        await _logged(self._store.finish(attempt, response))
        return response

    def _discard(self, attempt: Attempt) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(self._store.discard(attempt)))
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)
        return task


async def _logged(writing: Coroutine[Any, Any, None]) -> None:
    # The effect has happened or not, whatever becomes of the record: a record that stays running is taken over.
    try:
        await writing
    except Unavailable as error:
        _log.warning("an idempotency record was not completed", error=str(error))


def _key_of(context: Any) -> str | None:
    for name, value in context.invocation_metadata() or ():
        if name == METADATA_KEY:
            return _checked(value if isinstance(value, str) else value.decode("latin-1"))
    return None


def _checked(key: str) -> str:
    if not 1 <= len(key) <= _MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise InvalidInput(
            "IDEMPOTENCY_KEY_INVALID",
            f"An idempotency key has 1 to {_MAX_KEY_LENGTH} printable ASCII characters",
        )
    return key


def _holder(caller: Caller) -> str:
    # Agents of one operator do not know of each other's keys.
    return f"agent-{caller.agent_id}" if caller.agent_id else str(caller.operator_id)


def _digest(caller: Caller, request: Any) -> bytes:
    # The credential counts as part of the request: who may do less must not be handed the answer of who may do more.
    credential = (caller.kind, caller.agent_id, caller.name, caller.project_id, sorted(caller.scopes))
    asked = request.SerializeToString(deterministic=True)
    return hashlib.sha256(msgspec.msgpack.encode((credential, asked))).digest()
