"""Who is calling, as the handlers of this process know it."""

from __future__ import annotations

from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

from kit.caller import ANONYMOUS, METADATA_KEY, Caller, CallerSigner
from kit.errors import Unauthenticated
from kit.interceptors.methods import Behaviour, MethodInterceptor

_OPEN_SERVICES = ("/grpc.health.", "/grpc.reflection.")

_current: ContextVar[tuple[Caller, Any] | None] = ContextVar("piecework_current_call", default=None)


def current_caller() -> Caller:
    """Return the verified caller of the call that runs here, or the anonymous one outside of any call."""
    call = _current.get()
    return ANONYMOUS if call is None else call[0]


def remaining_seconds() -> float | None:
    """Return the time that is left to the call that runs here, in seconds; None when nothing limits it."""
    call = _current.get()
    if call is None:
        return None
    remaining: float | None = call[1].time_remaining()
    return remaining


class CallerInterceptor(MethodInterceptor):
    """Verifies the caller's token and refuses calls without one, except for health and reflection.

    Args:
        signer: knows the key of this installation.
    """

    def __init__(self, signer: CallerSigner) -> None:
        super().__init__()
        self._signer = signer

    def applies_to(self, method: str) -> bool:
        """Leave health and reflection open: probes and tools have no token."""
        return not method.startswith(_OPEN_SERVICES)

    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with the caller set before it begins."""

        async def identified(request: Any, context: Any) -> Any:
            _current.set((self._caller(context), context))
            return await behaviour(request, context)

        return identified

    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with the caller set before it begins."""

        async def identified(request: Any, context: Any) -> Any:
            _current.set((self._caller(context), context))
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response

        return identified

    def _caller(self, context: Any) -> Caller:
        for key, value in context.invocation_metadata():
            if key == METADATA_KEY:
                return self._signer.verify(value)
        raise Unauthenticated("CALLER_TOKEN_MISSING", "The call carries no caller token")
