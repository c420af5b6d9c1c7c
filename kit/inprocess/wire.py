"""An exchange under the names that grpcio's own client classes use.

`grpc.aio` keeps everything a client sees of a call (reading, writing, cancelling, errors) in Python classes that drive
a lower object, the wire. A `Wire` has the methods of that object, so those classes run unchanged on top of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from grpc._cython import cygrpc

from kit.inprocess.exchange import CANCELLED, OK, Exchange
from kit.inprocess.metadata import Entries
from kit.inprocess.pipe import Pipe
from kit.inprocess.underway import CallsUnderWay

if TYPE_CHECKING:
    from kit.inprocess.server import InProcessServer


class Wire(Exchange):
    """One call, as `grpc.aio.UnaryStreamCall` and its sisters drive it."""

    __slots__ = ()

    def __init__(
        self,
        server: InProcessServer,
        siblings: CallsUnderWay,
        method: str,
        loop: asyncio.AbstractEventLoop,
        deadline: float | None,
    ) -> None:
        super().__init__(server, siblings, method, loop, deadline)
        # A client may half-close before its call has begun, so the pipes are there from the start.
        self.requests = Pipe(loop)
        self.responses = Pipe(loop)

    def cancelled(self) -> bool:
        """Tell whether the call ended as cancelled, by either side."""
        return self.code is CANCELLED

    def is_ok(self) -> bool:
        """Tell whether the call ended well."""
        return self.code is OK

    def is_locally_cancelled(self) -> bool:
        """Tell whether the client cancelled the call."""
        return self.locally_cancelled

    def set_internal_error(self, details: str) -> None:
        """End the call because the transport failed."""
        self.settle(grpc.StatusCode.INTERNAL, details, ())

    @property
    def _status(self) -> Any:
        assert self.code is not None
        return cygrpc.AioRpcStatus(self.code.value[0], self.details, self.trailers, self.debug_string())

    @property
    def _initial_metadata(self) -> Entries | None:
        return self.headers

    async def status(self) -> Any:
        """Return the status, waiting for it."""
        if self.code is None:
            await self.waiter()
        return self._status

    async def unary_unary(self, request: bytes, metadata: Any, _context: object) -> bytes | None:
        """Send the only request and return the only response; None when the call failed."""
        self.begin(metadata, request)
        await self.status()
        return self.response

    async def initiate_unary_stream(self, request: bytes, metadata: Any, _context: object) -> None:
        """Send the only request and return when the first answer is there."""
        self.begin(metadata, request)
        await self.initial_metadata()

    async def stream_unary(self, metadata: Any, sent: Callable[[], None], _context: object) -> bytes | None:
        """Open a stream of requests and return the only response; None when the call failed."""
        self.begin(metadata, None)
        sent()
        await self.status()
        return self.response

    async def initiate_stream_stream(self, metadata: Any, sent: Callable[[], None], _context: object) -> None:
        """Open both streams and return when the first answer is there."""
        self.begin(metadata, None)
        sent()
        await self.initial_metadata()

    async def receive_serialized_message(self) -> Any:
        """Return the next response, or EOF."""
        assert self.responses is not None
        message = await self.responses.get()
        if message is not None and len(message) > self.server.max_message_bytes:
            self.refuse_size("CLIENT", len(message))
            self.stop_handler()
            return cygrpc.EOF
        if self._pending is not None and not len(self.responses):
            self.settle(*self._pending)
        return cygrpc.EOF if message is None else message

    async def send_serialized_message(self, message: bytes) -> None:
        """Send one request.

        Raises:
            InternalError: the call is over.
        """
        if len(message) > self.server.max_message_bytes:
            self.refuse_size("SERVER", len(message))
            self.stop_handler()
        assert self.requests is not None
        # A handler that has answered reads no more; what is still sent to it is lost, as it is on a real connection.
        if not await self.requests.put(message) and self.code is not None:
            raise cygrpc.InternalError("the call is over")

    async def send_receive_close(self) -> None:
        """Send no more requests."""
        assert self.requests is not None
        self.requests.close()
