"""A connection that no provider can flood: what comes in is measured before anybody puts it together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx2

_MAX_LINE_BYTES = 256 * 1024
# Each token is an event of its own, of some hundred bytes.
_BYTES_PER_TOKEN = 2048
_MORE_BYTES = 256 * 1024
_limit: ContextVar[int] = ContextVar("piecework_wire_limit", default=_MORE_BYTES)


class WireLimitExceeded(Exception):
    """More came than any answer has, or it is packed so that nobody knows how much it is."""


@contextmanager
def expecting(tokens: int) -> Iterator[None]:
    """Let the answers of requests that are made within have room for so many tokens."""
    token = _limit.set(_MORE_BYTES + tokens * _BYTES_PER_TOKEN)
    try:
        yield
    finally:
        _limit.reset(token)


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Passes requests on and refuses what is too long of their answers.

    Args:
        inner: makes the requests.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request whose answer comes as it is."""
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise WireLimitExceeded
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, _limit.get())
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = line = 0
        async for part in self._inner:
            total += len(part)
            newline = part.rfind(b"\n")
            line = line + len(part) if newline < 0 else len(part) - newline - 1
            if total > self._limit or line > _MAX_LINE_BYTES:
                raise WireLimitExceeded
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
