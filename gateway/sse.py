"""Server-sent events over `EventService.Watch`: replay, then live, with heartbeats, resumed when a peer is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc.aio
import structlog
from aiohttp import web
from piecework.tasks.v1 import events_pb2

from gateway.call import Call
from gateway.errors import Failure
from gateway.streams import Streams

FIRST_MESSAGE_SECONDS = 10.0
_RECHECK_SECONDS = 60.0
RETRY_MS = 2000
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0, 2.0, 5.0, 5.0, 5.0)
_LOST = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

_log = structlog.get_logger(__name__)

Frame = Callable[[Any], bytes]


class Watch:
    """The events of one stream after a cursor, read over as many calls as it takes.

    Args:
        call: the request on whose behalf they are read.
        stream: for example `project:<id>`.
        after: read what came after this number; from now on when None.
    """

    def __init__(self, call: Call, stream: str, after: int | None) -> None:
        self._call = call
        self._stream = stream
        self._rpc: Any = None
        self.after = after
        self.position = 0

    async def open(self) -> None:
        """Begin to read; what is wrong with the request shows here.

        Raises:
            AioRpcError: the service refuses, or cannot be reached.
            Failure: 503, it says nothing.
        """
        options = self._call.peers.outgoing(self._call.identity.caller, timeout=None)
        self.close()
        self._rpc = self._begin(options)
        first: Any = grpc.aio.EOF
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
                first = await self._rpc.read()
        if first is grpc.aio.EOF:
            raise Failure(503, "Service Unavailable", headers={"Retry-After": "1"})
        self.position = self._position_of(first)
        if self.after is None:
            self.after = self.position

    async def read(self) -> Any:
        """Return the next event or gap, or None when the stream has ended for good."""
        while not self.complete:
            over = self.over
            try:
                message = await self._rpc.read()
            except grpc.aio.AioRpcError as error:
                if error.code() not in _LOST:
                    return None
                message, over = grpc.aio.EOF, False
            if message is grpc.aio.EOF:
                if over or not await self.resume():
                    return None
                continue
            if self._begins_anew(message):
                return message
            seq = self._seq_of(message)
            if seq is None or 0 < seq <= (self.after or 0):
                continue
            # What has no number is not kept, and moves no cursor.
            self.after = seq or self.after
            return message
        return None

    def close(self) -> None:
        """Tell the service that nobody reads any more."""
        if self._rpc is not None:
            self._rpc.cancel()

    @property
    def over(self) -> bool:
        """Whether the service sends nothing more once it ends the call."""
        return False

    @property
    def complete(self) -> bool:
        """Whether the last message was read."""
        return False

    def _begin(self, options: Any) -> Any:
        request = events_pb2.WatchRequest(stream=self._stream, after_seq=self.after)
        return self._call.peers.events.Watch(request, **options)

    def _position_of(self, first: Any) -> int:
        position: int = first.position.seq
        return position

    def _seq_of(self, message: Any) -> int | None:
        return number_of(message)

    def _begins_anew(self, message: Any) -> bool:
        """Go back when the cursor is ahead of all events, which are of another history: nothing would ever come.

        The gap that says so then spans nothing, and names where the stream goes on, as every gap does.
        """
        if not isinstance(message, events_pb2.WatchResponse) or message.WhichOneof("message") != "gap":
            return False
        if message.gap.from_seq > (self.after or 0):
            return False
        self.after = message.gap.to_seq = message.gap.from_seq - 1
        return True

    async def resume(self) -> bool:
        """Open it again after a while, and again, until it stands; tell whether it does."""
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            try:
                await self.open()
            except grpc.aio.AioRpcError as error:
                if error.code() not in _LOST:
                    return False
            except Failure:
                continue
            else:
                return True
        return False


class Messages(Protocol):
    """What an answer that goes on is made of, such as a `Watch`.

    Attributes:
        position: the number of the newest event when it was opened.
    """

    position: int

    async def read(self) -> Any:
        """Return the next message, or None when there are no more."""
        ...


class EventStream:
    """One answer that goes on.

    Args:
        call: the request that it answers.
        watch: the events, opened already.
        frame: makes the bytes of one message; none when the face does not show it.
    """

    def __init__(self, call: Call, watch: Messages, frame: Frame) -> None:
        self._call = call
        self._watch = watch
        self._frame = frame
        self._response = web.StreamResponse(headers={**HEADERS, **call.headers})
        self._written = 0.0

    async def run(self, *, tell_position: bool = False, greeting: bytes = b"") -> web.StreamResponse:
        """Send events until the client goes away, its credential ends, the gateway stops, or there are no more.

        Args:
            tell_position: whether the first line names the position, so that a client that has seen no event yet can
                resume from it.
            greeting: the first bytes, for faces that begin in another way.
        """
        await self._response.prepare(self._call.request)
        self._call.exchange.streaming_since = time.perf_counter()
        position = f"id: {self._watch.position}\n" if tell_position else ""
        usual = f": {self._call.exchange.correlation_id}\nretry: {RETRY_MS}\n{position}\n"
        await self._write(greeting or usual.encode())
        parts: list[Awaitable[None]] = [
            self._pump(),
            self._beat(),
            self._until_credential_ends(),
            self._until_stopped(),
        ]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                if error := task.exception():
                    # The answer has begun: all that is left is to end it, so that the client comes back.
                    _log.error("event stream failed", correlation_id=self._call.exchange.correlation_id, exc_info=error)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await self._response.write_eof()
        return self._response

    async def _pump(self) -> None:
        with contextlib.suppress(ConnectionError):
            while (message := await self._watch.read()) is not None:
                if frame := self._frame(message):
                    await self._write(frame)

    async def _beat(self) -> None:
        silence = self._streams.heartbeat_seconds
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(max(0.001, self._written + silence - time.monotonic()))
                if time.monotonic() - self._written >= silence:
                    await self._write(b": heartbeat\n\n")

    async def _until_credential_ends(self) -> None:
        authenticator, identity = self._call.services.authenticator, self._call.identity
        revoked = authenticator.watch(identity)
        try:
            while not revoked.is_set():
                left = max(0.0, min(_RECHECK_SECONDS, identity.expires_at - time.time()))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left + 0.01):
                        await revoked.wait()
                try:
                    identity = await authenticator.identify(self._call.request.headers)
                except Failure as failure:
                    if failure.status in (401, 403):
                        return
        finally:
            authenticator.unwatch(self._call.identity, revoked)

    async def _until_stopped(self) -> None:
        await self._streams.ending.wait()

    async def _write(self, frame: bytes) -> None:
        self._written = time.monotonic()
        await self._response.write(frame)

    @property
    def _streams(self) -> Streams:
        return self._call.services.streams


def number_of(message: events_pb2.WatchResponse) -> int | None:
    """Return the number of the event up to which a message tells; None for one that tells of none."""
    kind = message.WhichOneof("message")
    if kind == "event":
        return message.event.seq
    return message.gap.to_seq if kind == "gap" else None


def begins_anew(message: events_pb2.WatchResponse) -> bool:
    """Tell whether a message that a watch has read says that events are numbered anew."""
    return message.WhichOneof("message") == "gap" and message.gap.from_seq > message.gap.to_seq
