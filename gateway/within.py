"""Requests that the gateway makes of itself: a face that speaks another protocol calls the routes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import EMPTY_PAYLOAD, HttpVersion11, hdrs, web
from aiohttp.http import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.exchange import EXCHANGE
from gateway.headers import CORRELATION
from gateway.limits import Allowance

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Around = Callable[[web.Request, _Handler], Awaitable[web.StreamResponse]]

# What belongs to the connection, to the outer body, or to the browser; everything else is the same request's.
_NOT_PASSED_ON = (
    hdrs.ACCEPT,
    hdrs.CONNECTION,
    hdrs.CONTENT_ENCODING,
    hdrs.CONTENT_LENGTH,
    hdrs.CONTENT_TYPE,
    hdrs.EXPECT,
    hdrs.LAST_EVENT_ID,
    hdrs.ORIGIN,
    hdrs.TRANSFER_ENCODING,
)
_BODY = web.RequestKey("body", bytes)
_MATCH = web.RequestKey("match", web.UrlMappingMatchInfo)


class Answer(msgspec.Struct, frozen=True):
    """What a route answered.

    Attributes:
        status: the HTTP status.
        body: the bytes that a client of the route would have got.
        headers: those of the route itself.
        allowance: what the rate limit leaves to the client; None when it is not limited.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    allowance: Allowance | None = None


class Within:
    """Calls routes of the same gateway.

    Such a call is treated as one that came from outside: with the limits, the log line and the errors of its face.
    """

    def __init__(self) -> None:
        self._router: web.UrlDispatcher | None = None
        self._around: _Around | None = None

    def connect(self, router: web.UrlDispatcher, around: _Around) -> None:
        """Tell where the routes are and what goes around them; that is known only when all faces are."""
        self._router, self._around = router, around

    async def send(self, outer: web.Request, method: str, url: URL, body: bytes = b"") -> Answer:
        """Answer a request with the headers, and so for the account, of `outer`.

        Args:
            outer: the request that came from outside.
            method: HTTP method.
            url: path and query.
            body: JSON; empty for none.
        """
        assert self._router is not None
        assert self._around is not None
        request = _Inner(outer, method, url, body)
        match = await self._router.resolve(request)
        request[_MATCH] = match
        response = await self._around(request, match.handler)
        assert isinstance(response, web.Response)
        content = response.body if isinstance(response.body, bytes) else b""
        return Answer(response.status, content, response.headers, request[EXCHANGE].allowance)


class _Inner(web.Request):
    """A request that no socket brought."""

    def __init__(self, outer: web.Request, method: str, url: URL, body: bytes) -> None:
        message = RawRequestMessage(
            method,
            str(url),
            HttpVersion11,
            (headers := _headers(outer, body)),
            tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()),
            should_close=False,
            compression=None,
            upgrade=False,
            chunked=False,
            url=url,
        )
        loop = asyncio.get_running_loop()
        super().__init__(message, EMPTY_PAYLOAD, outer.protocol, outer.writer, outer.task, loop, state={_BODY: body})

    async def read(self) -> bytes:
        """Return the body."""
        return self[_BODY]

    @property
    def body_exists(self) -> bool:
        """Whether there is a body."""
        return bool(self[_BODY])

    @property
    def match_info(self) -> web.UrlMappingMatchInfo:
        """The route that was found."""
        return self[_MATCH]


def _headers(outer: web.Request, body: bytes) -> CIMultiDictProxy[str]:
    headers = CIMultiDict(outer.headers)
    for name in _NOT_PASSED_ON:
        headers.popall(name, None)
    # Both are logged under the same id.
    headers[CORRELATION] = outer[EXCHANGE].correlation_id
    if body:
        headers[hdrs.CONTENT_TYPE] = "application/json"
        headers[hdrs.CONTENT_LENGTH] = str(len(body))
    return CIMultiDictProxy(headers)
