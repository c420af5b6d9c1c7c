"""The server half: finds the handler of a call and runs it in a task and a context of its own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import grpc
import grpc.aio

from kit.inprocess.context import HandlerContext
from kit.inprocess.exchange import OK, Exchange
from kit.inprocess.metadata import Entries
from kit.inprocess.requests import RequestIterator

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_CLEAN_UP_SECONDS = 5.0

Handler = Any  # grpc.RpcMethodHandler, whose attributes are typed per kind of call
Find = Callable[[Any], Awaitable[Handler | None]]

_log = logging.getLogger(__name__)


class CallDetails(NamedTuple):
    """What a server interceptor is told about a call."""

    method: str
    invocation_metadata: Entries


class InProcessServer:
    """Serves calls of this process; takes what generated code and `grpc.aio.server` take.

    Args:
        interceptors: server interceptors, the outermost first. When all of them say `by_method = True`, that the
            handler they return depends on the method alone, they are asked once for each method.
        max_message_bytes: the largest message that either side accepts.
    """

    def __init__(
        self, interceptors: Sequence[grpc.aio.ServerInterceptor] = (), *, max_message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        self.max_message_bytes = max_message_bytes
        self._generic: list[Any] = []
        self._registered: dict[str, Handler] = {}
        self._find: Find | None = self._chain(interceptors) if interceptors else None
        self._keeps = all(getattr(interceptor, "by_method", False) for interceptor in interceptors)
        self._kept: dict[str, Handler] = {}
        self._running = False
        self._active: set[Exchange] = set()

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        """Add handlers that are asked by method name."""
        self._generic.extend(generic_rpc_handlers)
        self._kept.clear()

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Add the handlers of one service by the short names of their methods."""
        self._registered.update({f"/{service_name}/{name}": handler for name, handler in method_handlers.items()})
        self._kept.clear()

    async def start(self) -> None:
        """Accept calls from now on."""
        self._running = True

    async def stop(self, grace: float | None) -> None:
        """Accept no more calls, give those under way `grace` seconds to end and cancel the others.

        Returns when every handler has ended, or gives up some seconds after cancelling it.
        """
        self._running = False
        if grace and self._tasks():
            await asyncio.wait(self._tasks(), timeout=grace)
        for exchange in list(self._active):
            exchange.settle(grpc.StatusCode.UNAVAILABLE, "Cancelling all calls", ())
            exchange.stop_handler()
        if tasks := self._tasks():
            _, pending = await asyncio.wait(tasks, timeout=_CLEAN_UP_SECONDS)
            if pending:
                _log.warning("%d handlers did not end after they were cancelled", len(pending))

    def accept(self, exchange: Exchange, request: bytes | None) -> None:
        """Run the handler of a call."""
        if not self._running:
            exchange.settle(
                grpc.StatusCode.UNAVAILABLE, "failed to connect: the server of this process is not running", ()
            )
            return
        if request is not None and len(request) > self.max_message_bytes:
            exchange.refuse_size("SERVER", len(request))
            return
        self._active.add(exchange)
        # A context of its own: nothing of the client but metadata may reach the handler.
        exchange.handler_task = exchange.loop.create_task(self._run(exchange, request), context=contextvars.Context())

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [exchange.handler_task for exchange in self._active if exchange.handler_task is not None]

    def _chain(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> Find:
        async def look_up(details: Any) -> Handler | None:
            return self._look_up(details)

        find: Find = look_up
        for interceptor in reversed(interceptors):
            find = functools.partial(interceptor.intercept_service, find)
        return find

    async def _handler(self, exchange: Exchange) -> Handler | None:
        details = CallDetails(exchange.method, exchange.metadata)
        handler = self._look_up(details) if self._find is None else await self._find(details)
        if handler is not None and self._keeps:
            self._kept[exchange.method] = handler
        return handler

    def _look_up(self, details: Any) -> Handler | None:
        handler = self._registered.get(details.method)
        if handler is None:
            for generic in self._generic:
                handler = generic.service(details)
                if handler is not None:
                    break
        return handler

    async def _run(self, exchange: Exchange, request: bytes | None) -> None:
        exchange.started = True
        if exchange.code is not None:
            self._active.discard(exchange)
            return
        context = HandlerContext(exchange)
        try:
            handler = self._kept.get(exchange.method) or await self._handler(exchange)
            if handler is None:
                exchange.complete(grpc.StatusCode.UNIMPLEMENTED, "Method not found!", ())
            else:
                await self._handle(handler, exchange, context, request)
        except asyncio.CancelledError:
            # Either the call was cancelled and is settled, or the handler was cancelled by something of its own.
            if exchange.code is None:
                exchange.complete(grpc.StatusCode.CANCELLED, "The handler was cancelled", ())
        except Exception as error:  # noqa: BLE001 - whatever a handler raises ends its own call only
            context.fail(error)
        finally:
            self._active.discard(exchange)
            context.run_callbacks()
            # The task's own context may lead back to the call: what nobody needs any more must not await a collection.
            exchange.handler_task = None

    async def _handle(
        self, handler: Handler, exchange: Exchange, context: HandlerContext, request: bytes | None
    ) -> None:
        message: Any
        if handler.request_streaming:
            context.deserializer = handler.request_deserializer
            message = RequestIterator(context)
        else:
            assert request is not None
            deserializer = handler.request_deserializer
            message = request if deserializer is None else deserializer(request)
        if handler.response_streaming:
            context.serializer = handler.response_serializer
            behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream
            await _stream(behaviour, message, context)
        else:
            behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary
            response = await behaviour(message, context)
            context.check_running()
            if context.final_code() is OK:
                serializer = handler.response_serializer
                raw = response if serializer is None else serializer(response)
                if len(raw) > self.max_message_bytes:
                    exchange.refuse_size("CLIENT", len(raw))
                exchange.response = raw
        context.finish()


async def _stream(behaviour: Callable[..., Any], message: Any, context: HandlerContext) -> None:
    responses = behaviour(message, context)
    if hasattr(responses, "__aiter__"):
        async with aclosing(responses):
            async for response in responses:
                await context.write(response)
    else:
        await responses
    context.check_running()
