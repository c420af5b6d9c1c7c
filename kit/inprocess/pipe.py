"""One direction of a stream: a bounded buffer between one writer and one reader."""

from __future__ import annotations

import asyncio
from collections import deque

MAX_BYTES = 64 * 1024  # the default window of an HTTP/2 stream
MAX_MESSAGES = 64


class Pipe:
    """Carries serialised messages in order and makes a fast writer wait for a slow reader."""

    __slots__ = ("_bytes", "_loop", "_messages", "_reader", "_writer", "closed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self.closed = False

    def __len__(self) -> int:
        return len(self._messages)

    async def put(self, message: bytes) -> bool:
        """Hand over one message and wait while the buffer is full; False when the pipe is closed."""
        if self.closed:
            return False
        self._messages.append(message)
        self._bytes += len(message)
        _wake(self._reader)
        while not self.closed and (self._bytes > MAX_BYTES or len(self._messages) > MAX_MESSAGES):
            self._writer = self._loop.create_future()
            await self._writer
        return True

    async def get(self) -> bytes | None:
        """Return the next message, waiting for it; None at the end of the stream."""
        while not self._messages:
            if self.closed:
                return None
            self._reader = self._loop.create_future()
            await self._reader
        message = self._messages.popleft()
        self._bytes -= len(message)
        _wake(self._writer)
        return message

    def close(self) -> None:
        """End the stream; what was put before can still be read."""
        self.closed = True
        _wake(self._reader)
        _wake(self._writer)

    def drop(self) -> None:
        """End the stream and forget what nobody has read."""
        self._messages.clear()
        self._bytes = 0
        self.close()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
