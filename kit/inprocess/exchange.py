"""What the two halves of one in-process call share."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from grpc._cython import cygrpc

from kit.inprocess.metadata import USER_AGENT, Entries, received
from kit.inprocess.pipe import Pipe
from kit.inprocess.underway import CallsUnderWay

if TYPE_CHECKING:
    from kit.inprocess.server import InProcessServer

OK = grpc.StatusCode.OK
CANCELLED = grpc.StatusCode.CANCELLED
LOCALLY_CANCELLED = "Locally cancelled by application!"

_log = logging.getLogger(__name__)


class Exchange:
    """One call between a client and a handler of this process.

    The client's view is settled once, by whatever comes first: the handler's status, the deadline or a cancellation.

    Args:
        server: the server that will handle the call.
        siblings: the calls under way on the same channel; they end this one when its time is up.
        method: the full name of the method, `/package.Service/Method`.
        loop: the event loop that both sides run on.
        deadline: when the call ends at the latest, in seconds of the loop's clock; None for never.
    """

    __slots__ = (
        "_callbacks",
        "_header_waiters",
        "_pending",
        "_siblings",
        "_waiters",
        "code",
        "deadline",
        "details",
        "handler_task",
        "headers",
        "locally_cancelled",
        "loop",
        "metadata",
        "method",
        "requests",
        "response",
        "responses",
        "server",
        "started",
        "status_sent",
        "trailers",
    )

    def __init__(
        self,
        server: InProcessServer,
        siblings: CallsUnderWay,
        method: str,
        loop: asyncio.AbstractEventLoop,
        deadline: float | None,
    ) -> None:
        self.server = server
        self._siblings = siblings
        self.method = method
        self.loop = loop
        self.deadline = deadline
        self.metadata = USER_AGENT
        self.requests: Pipe | None = None
        self.responses: Pipe | None = None
        self.response: bytes | None = None
        self.headers: Entries | None = None
        self.code: grpc.StatusCode | None = None
        self.details: str = ""
        self.trailers: Entries = ()
        self.started = False
        self.status_sent = False
        self.locally_cancelled = False
        self.handler_task: asyncio.Task[None] | None = None
        self._pending: tuple[grpc.StatusCode, str, Entries] | None = None
        self._waiters: list[asyncio.Future[None]] | None = None
        self._header_waiters: list[asyncio.Future[None]] | None = None
        self._callbacks: list[tuple[Callable[[], object], contextvars.Context]] | None = None

    def begin(self, metadata: Any, request: bytes | None) -> None:
        """Send the call to the server, with its whole request or (None) with a stream of requests to come."""
        if metadata:
            self.metadata = USER_AGENT + received(metadata)
        if self.code is not None:
            return
        self._siblings.add(self)
        if self.deadline is not None:
            if self.deadline <= self.loop.time():
                self.settle(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", ())
                return
            self._siblings.end_by(self.deadline)
        self.server.accept(self, request)

    def settle(self, code: grpc.StatusCode, details: str, trailers: Entries) -> None:
        """Tell the client how the call ended; only the first time counts."""
        if self.code is not None:
            return
        self.code, self.trailers = code, trailers
        self.details = "" if code is OK else details  # HTTP/2 servers send no message with success
        self._siblings.discard(self)
        if self.requests is not None:
            self.requests.drop()
        if self.responses is not None:
            self.responses.drop()
        if self.headers is None:
            self.send_headers(())
        if self._waiters is not None:
            _wake_all(self._waiters)
        if self._callbacks is not None:
            self._run_callbacks()

    def time_remaining(self) -> float | None:
        """Return the seconds until the deadline, at least 0; None when there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - self.loop.time())

    def stop_handler(self) -> None:
        """Cancel the handler, unless it has already answered."""
        if self.started and not self.status_sent and self.handler_task is not None:
            self.handler_task.cancel()

    def expire(self) -> None:
        """End the call because its time is up, and stop the handler."""
        if self.code is None:
            self.settle(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", ())
            self.stop_handler()

    def _run_callbacks(self) -> None:
        callbacks, self._callbacks = self._callbacks or [], None
        for callback, context in callbacks:
            try:
                context.run(callback)
            except Exception:  # noqa: BLE001 - one callback may not keep the others from being told
                _log.exception("Error in a callback of a call of [%s]", self.method)

    def send_headers(self, headers: Entries) -> None:
        """Send the initial metadata."""
        self.headers = headers
        if self._header_waiters is not None:
            _wake_all(self._header_waiters)

    def complete(self, code: grpc.StatusCode, details: str, trailers: Entries) -> None:
        """Send the status. A client that still has messages to read learns it after the last one."""
        self.status_sent = True
        if trailers:
            try:
                trailers = received(trailers)
            except cygrpc.ExecuteBatchError:
                code, details, trailers = grpc.StatusCode.INTERNAL, "Invalid metadata", ()
        if self.headers is None:
            self.send_headers(())
        if self.responses is not None and len(self.responses):
            self._pending = (code, details, trailers)
            self.responses.close()
            if self.requests is not None:
                self.requests.drop()
        else:
            self.settle(code, details, trailers)

    def waiter(self) -> asyncio.Future[None]:
        """Return a future that is done when the call is settled."""
        future: asyncio.Future[None] = self.loop.create_future()
        if self._waiters is None:
            self._waiters = [future]
        else:
            self._waiters.append(future)
        return future

    def done(self) -> bool:
        """Tell whether the call is settled."""
        return self.code is not None

    def cancel(self, details: str = LOCALLY_CANCELLED) -> None:
        """End the call from the client's side and stop the handler."""
        if self.code is None:
            self.locally_cancelled = True
            self.settle(CANCELLED, details, ())
            self.stop_handler()

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the call is settled, or now if it is."""
        if self.code is not None:
            callback()
            return
        # The handler's task may be what settles the call; its context is none of the client's business.
        entry = (callback, contextvars.copy_context())
        if self._callbacks is None:
            self._callbacks = [entry]
        else:
            self._callbacks.append(entry)

    async def initial_metadata(self) -> Entries:
        """Return the initial metadata, waiting for it."""
        if self.headers is None:
            future: asyncio.Future[None] = self.loop.create_future()
            self._header_waiters = [*(self._header_waiters or ()), future]
            await future
        return self.headers or ()

    def debug_string(self) -> str | None:
        """Describe the end of the call for a developer."""
        assert self.code is not None
        if self.locally_cancelled:
            return None
        if self.code is OK:
            return ""
        return f"{self.code.name}:{self.details}" if self.details else self.code.name

    def refuse_size(self, side: str, size: int) -> None:
        """End the call because `side` will not take a message of `size` bytes."""
        details = f"{side}: Received message larger than max ({size} vs. {self.server.max_message_bytes})"
        self.settle(grpc.StatusCode.RESOURCE_EXHAUSTED, details, ())

    def error(self) -> grpc.aio.AioRpcError:
        """Return the end of the call as the exception that grpcio raises."""
        assert self.code is not None
        return grpc.aio.AioRpcError(
            self.code,
            grpc.aio.Metadata.from_tuple(self.headers or ()),
            grpc.aio.Metadata.from_tuple(self.trailers),
            details=self.details,
            debug_error_string=self.debug_string(),
        )


def _wake_all(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
    waiters.clear()
