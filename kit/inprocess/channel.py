"""The client half: a `grpc.aio` channel whose wire leads to a server of this process.

It is grpcio's own channel class over another wire (see `kit.inprocess.wire`), so streams, client interceptors and
closing behave as they do there because they are the same code. Only unary calls have their own, faster path.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import grpc
import grpc.aio
from grpc._cython import cygrpc
from grpc.aio import _channel as stock

from kit.inprocess.exchange import Exchange
from kit.inprocess.server import InProcessServer
from kit.inprocess.unary import InProcessUnaryUnary
from kit.inprocess.underway import CallsUnderWay
from kit.inprocess.wire import Wire


class InProcessChannel(stock.Channel):
    """A channel to `server`; belongs to the event loop it is made on.

    Args:
        server: the server of this process that answers.
        interceptors: client interceptors, the outermost first.
    """

    def __init__(
        self, server: InProcessServer, interceptors: Sequence[grpc.aio.ClientInterceptor] | None = None
    ) -> None:
        # grpcio sorts the interceptors; the core channel it makes is replaced before it ever connects.
        super().__init__("passthrough:///in-process", (), None, None, cast(Any, interceptors))
        self._channel.close()
        self._channel = _Transport(server, self._loop)

    def open(self, method: str, timeout: float | None) -> Exchange:
        """Return a new call of the unary method `method` with `timeout` in seconds.

        Raises:
            UsageError: the channel is closed.
        """
        transport: _Transport = self._channel
        if transport.is_closing:
            raise cygrpc.UsageError("Channel is closed.")
        loop = transport.loop
        deadline = None if timeout is None else loop.time() + timeout
        return Exchange(transport.server, transport.calls, method, loop, deadline)

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,  # noqa: FBT001, FBT002 - the signature that generated code calls
    ) -> Any:
        """Return what starts calls of the unary method `method`."""
        if self._unary_unary_interceptors:
            return super().unary_unary(method, request_serializer, response_deserializer, _registered_method)
        return InProcessUnaryUnary(self, method, request_serializer, response_deserializer)

    async def _close(self, grace: float | None) -> None:
        transport: _Transport = self._channel
        if transport.closed():
            return
        if grace and grace < 0:
            raise ValueError(f"grace must be non-negative, got {grace}.")
        transport.closing()
        if grace and transport.calls:
            await asyncio.wait([call.waiter() for call in transport.calls], timeout=grace)
        calls: list[Any] = [*self._active_calls, *transport.calls]
        for call in calls:
            call.cancel()
        self._active_calls.clear()
        transport.close()

    def _register_call(self, call: Any) -> None:
        # Held weakly and without a callback, so that a stream that nobody reads any more ends with its last reference.
        self._active_calls.add(call)


class _Transport:
    """Stands where grpcio keeps the channel of its core: makes wires and knows whether the channel is open."""

    def __init__(self, server: InProcessServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop
        self.calls = CallsUnderWay(loop)
        self.is_closing = False
        self._shut = loop.create_future()

    def call(
        self, method: bytes, deadline: float | None, _credentials: object, _wait_for_ready: object, _handle: int
    ) -> Wire:
        """Return the wire of a new call; `deadline` in seconds since the epoch."""
        if self.is_closing:
            raise cygrpc.UsageError("Channel is closed.")
        ends_at = None if deadline is None else self.loop.time() + deadline - time.time()
        return Wire(self.server, self.calls, method.decode(), self.loop, ends_at)

    def get_registered_call_handle(self, _method: bytes) -> int:
        return 0

    def check_connectivity_state(self, _try_to_connect: object) -> int:
        state = grpc.ChannelConnectivity.SHUTDOWN if self._shut.done() else grpc.ChannelConnectivity.READY
        return int(state.value[0])

    async def watch_connectivity_state(self, last_observed: int, _deadline: float | None) -> bool:
        if last_observed == grpc.ChannelConnectivity.READY.value[0]:
            await asyncio.shield(self._shut)
        return True

    def closing(self) -> None:
        self.is_closing = True

    def closed(self) -> bool:
        return self._shut.done()

    def close(self) -> None:
        self.is_closing = True
        self.calls.stop_timer()
        if not self._shut.done():
            self._shut.set_result(None)
