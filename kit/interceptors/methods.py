"""Interceptors that wrap each method once, when it is first called, and not on every call."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

Behaviour = Callable[[Any, Any], Any]  # what serves a method: (request or request iterator, context)
Handler = Any  # grpc.RpcMethodHandler, whose attributes are typed per kind of call


class MethodInterceptor(grpc.aio.ServerInterceptor, abc.ABC):
    """Puts something around the behaviour of every method, for all four kinds of call.

    Wrapped handlers are kept, so all interceptors inside of this one must be stable: for one method they return the
    same handler each time, as interceptors of this class do.

    Attributes:
        by_method: says that the handler depends on the method alone, so that a server may keep it.
    """

    by_method = True

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    @abc.abstractmethod
    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:
        """Return a coroutine function around `behaviour`, a coroutine function.

        Args:
            method: the full name of the method.
            behaviour: what to wrap. It returns the response, or None if it writes a stream of them by itself.
            streams_requests: whether the first argument is an iterator of requests.
        """

    @abc.abstractmethod
    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:
        """Return an asynchronous generator function around `behaviour`, which is one."""

    def applies_to(self, method: str) -> bool:  # noqa: ARG002 - for those who leave some methods alone
        """Tell whether `method` is wrapped at all."""
        return True

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler]], handler_call_details: Any
    ) -> Handler:
        """Return the wrapped handler of the method, or None if there is no such method."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is not None and known[0] is handler:
            return known[1]
        if handler is None or not self.applies_to(method):
            return handler
        wrapped = self._wrap(method, handler)
        self._wrapped[method] = (handler, wrapped)
        return wrapped

    def _wrap(self, method: str, handler: Handler) -> Handler:
        kind = ("stream_" if handler.request_streaming else "unary_") + (
            "stream" if handler.response_streaming else "unary"
        )
        behaviour = getattr(handler, kind)
        around = self.around_stream if inspect.isasyncgenfunction(behaviour) else self.around_call
        wrapped = around(method, behaviour, streams_requests=handler.request_streaming)
        make: Callable[..., Handler] = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(wrapped, handler.request_deserializer, handler.response_serializer)
