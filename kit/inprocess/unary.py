"""The client half of unary calls, the hot path of an installation that runs in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from kit.inprocess.exchange import LOCALLY_CANCELLED, OK, Exchange

if TYPE_CHECKING:
    from kit.inprocess.channel import InProcessChannel

_UNREAD = object()


class InProcessUnaryCall(grpc.aio.UnaryUnaryCall[Any, Any]):
    """A unary call under way: `grpc.aio.UnaryUnaryCall` without a task of its own.

    Args:
        exchange: what the call shares with its handler.
        deserializer: makes the response from bytes.
    """

    def __init__(self, exchange: Exchange, deserializer: Callable[[bytes], Any] | None) -> None:
        self._exchange = exchange
        self._deserializer = deserializer
        self._response: Any = _UNREAD

    def __await__(self) -> Generator[Any, None, Any]:
        exchange = self._exchange
        if exchange.code is None:
            try:
                yield from exchange.waiter()
            except asyncio.CancelledError:
                exchange.cancel()
                raise
        if exchange.code is OK:
            if self._response is _UNREAD:
                raw = exchange.response
                self._response = raw if self._deserializer is None or raw is None else self._deserializer(raw)
            return self._response
        if exchange.locally_cancelled:
            raise asyncio.CancelledError
        raise exchange.error()

    def cancel(self) -> bool:
        """Cancel the call; False when it is over."""
        if self._exchange.code is not None:
            return False
        self._exchange.cancel(LOCALLY_CANCELLED)
        return True

    def cancelled(self) -> bool:
        """Tell whether the call ended as cancelled."""
        return self._exchange.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """Tell whether the call is over."""
        return self._exchange.code is not None

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline; None when there is none."""
        return self._exchange.time_remaining()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback` with this call when it is over, or now if it is."""
        self._exchange.add_done_callback(lambda: callback(self))

    async def code(self) -> grpc.StatusCode:
        """Return the status code, waiting for it."""
        await self._settled()
        assert self._exchange.code is not None
        return self._exchange.code

    async def details(self) -> str:
        """Return the description of the status, waiting for it."""
        await self._settled()
        return self._exchange.details

    async def debug_error_string(self) -> str:
        """Return a description of the status for a developer, waiting for it."""
        await self._settled()
        return self._exchange.debug_string() or ""

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Return the initial metadata, waiting for it."""
        return grpc.aio.Metadata.from_tuple(await self._exchange.initial_metadata())

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Return the trailing metadata, waiting for it."""
        await self._settled()
        return grpc.aio.Metadata.from_tuple(self._exchange.trailers)

    async def wait_for_connection(self) -> None:
        """Wait for the end of the call.

        Raises:
            AioRpcError: the call failed.
        """
        await self._settled()
        if self._exchange.code is not OK:
            raise asyncio.CancelledError if self._exchange.locally_cancelled else self._exchange.error()

    async def _settled(self) -> None:
        if self._exchange.code is None:
            await self._exchange.waiter()


class InProcessUnaryUnary(grpc.aio.UnaryUnaryMultiCallable[Any, Any]):
    """Starts calls of one unary method.

    Args:
        channel: the channel that the calls belong to.
        method: the full name of the method.
        serializer: makes bytes from a request.
        deserializer: makes a response from bytes.
    """

    def __init__(
        self,
        channel: InProcessChannel,
        method: str,
        serializer: Callable[[Any], bytes] | None,
        deserializer: Callable[[bytes], Any] | None,
    ) -> None:
        self._channel = channel
        self._method = method
        self._serializer = serializer
        self._deserializer = deserializer

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,  # noqa: ARG002 - the transport has no credentials
        wait_for_ready: bool | None = None,  # noqa: ARG002 - a peer of this process is ready or never will be
        compression: grpc.Compression | None = None,  # noqa: ARG002 - nothing travels
    ) -> InProcessUnaryCall:
        """Start a call; `timeout` in seconds."""
        raw = request if self._serializer is None else self._serializer(request)
        exchange = self._channel.open(self._method, timeout)
        exchange.begin(metadata, raw)
        return InProcessUnaryCall(exchange, self._deserializer)
