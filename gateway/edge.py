"""What happens around every request: its id, its limits, its errors, its headers, its log line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiohttp import web

from gateway import auth
from gateway.addresses import Origins
from gateway.admission import Admission
from gateway.auth import Authenticator
from gateway.endpoint import BODY_LIMIT_BYTES, JSON
from gateway.errors import Failure, internal, malformed, too_large
from gateway.exchange import EXCHANGE, Exchange
from gateway.headers import CORRELATION, HSTS, SECURITY, SERVER, Cors, correlation_id, rate_headers
from gateway.observation import CLIENT_GONE, Observer
from gateway.routing import Access, Face

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger(__name__)


class Edge:
    """The one middleware of the gateway.

    Args:
        faces: the faces, to know whose error body an answer needs.
        admissions: the limits of each face that has some, by name of the face.
        authenticator: knows credentials.
        origins: finds the client behind proxies.
        cors: which web pages may call.
        observer: logs and counts.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        admissions: Mapping[str, Admission],
        authenticator: Authenticator,
        origins: Origins,
        cors: Cors,
        observer: Observer,
    ) -> None:
        prefixes = ((prefix, face) for face in faces for prefix in (face.prefix, *face.more_prefixes))
        self._faces = sorted(prefixes, key=lambda known: len(known[0]), reverse=True)
        self._admissions = admissions
        self._authenticator = authenticator
        self._origins = origins
        self._cors = cors
        self._observer = observer

    @web.middleware
    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer `request`, whatever happens."""
        exchange = Exchange(
            correlation_id(request),
            time.perf_counter(),
            self._origins.client(request),
            secure=self._origins.secure(request),
        )
        request[EXCHANGE] = exchange
        self._observer.begin()
        try:
            response = await self._answer(request, exchange, handler)
            exchange.status = response.status
        finally:
            self._observer.end(exchange, request.method, exchange.status or CLIENT_GONE)
        return response

    async def finish_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put the headers on an answer that every answer carries; called just before its first byte goes out."""
        exchange = request.get(EXCHANGE)
        headers = response.headers
        headers.update(SECURITY)
        headers["Server"] = SERVER
        if exchange is None:
            return
        exchange.status = response.status
        headers[CORRELATION] = exchange.correlation_id
        if exchange.id_header:
            headers[exchange.id_header] = exchange.correlation_id
        if exchange.secure:
            headers["Strict-Transport-Security"] = HSTS
        if exchange.allowance is not None:
            rate_headers(headers, exchange.allowance)
        self._cors.apply(request, headers)

    async def _answer(self, request: web.Request, exchange: Exchange, handler: Handler) -> web.StreamResponse:
        if self._cors.is_preflight(request):
            exchange.route = "preflight"
            return self._cors.preflight(request)
        face = self._face(request.path)
        exchange.id_header = face.id_header
        admission = self._admissions.get(face.name)
        try:
            if admission is not None:
                await admission.by_address(request.method, request.path, exchange)
            return await handler(request)
        except Failure as failure:
            return self._refuse(face, await _of_stranger(failure, exchange, admission), exchange)
        except web.HTTPException as error:
            return await self._translate(request, exchange, face, error)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - the last line of defence: nothing leaves without an answer
            _log.exception("request failed", route=exchange.route, correlation_id=exchange.correlation_id)
            return self._refuse(face, internal(), exchange)

    async def _translate(
        self, request: web.Request, exchange: Exchange, face: Face, error: web.HTTPException
    ) -> web.StreamResponse:
        """Return the face's answer for what aiohttp refuses by itself: unknown paths and methods, large bodies."""
        if isinstance(error, web.HTTPMethodNotAllowed) and request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": ",".join(sorted({*error.allowed_methods, "OPTIONS"}))})
        try:
            if error.status in (404, 405):
                await self._require(request, exchange, face)
            if error.status < 400:
                return error
            raise _failure(error)
        except Failure as failure:
            admission = self._admissions.get(face.name)
            return self._refuse(face, await _of_stranger(failure, exchange, admission), exchange)

    async def _require(self, request: web.Request, exchange: Exchange, face: Face) -> None:
        # Whoever has no credential learns nothing, not even which paths exist.
        if face.access is Access.OPEN:
            return
        admission = self._admissions.get(face.name)
        identity = await self._authenticator.identify(request.headers, admission, exchange)
        if identity is auth.NOBODY:
            raise auth.required()
        exchange.caller = identity.caller
        if admission is not None and face.caller_rates:
            await admission.by_caller(exchange)

    def _refuse(self, face: Face, failure: Failure, exchange: Exchange) -> web.Response:
        failure = face.dialect.translate(failure)
        body = face.dialect.failure(failure, exchange.correlation_id)
        return web.Response(body=body, status=failure.status, headers={"Content-Type": JSON, **failure.headers})

    def _face(self, path: str) -> Face:
        return next(face for prefix, face in self._faces if path.startswith(prefix))


async def _of_stranger(failure: Failure, exchange: Exchange, admission: Admission | None) -> Failure:
    """Return what is answered instead of `failure` when somebody guesses credentials too often."""
    if failure.status != 401 or admission is None:
        return failure
    try:
        await admission.of_stranger(exchange)
    except Failure as refused:
        return refused
    return failure


def _failure(error: web.HTTPException) -> Failure:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ",".join(sorted(error.allowed_methods))
        return Failure(405, "Method Not Allowed", headers={"Allow": allowed}, reason="METHOD_NOT_ALLOWED")
    if error.status == 404:
        return Failure(404, "Not Found", reason="ROUTE_NOT_FOUND")
    if error.status == 413:
        return too_large(BODY_LIMIT_BYTES)
    if error.status >= 500:
        return internal()
    return malformed(error.reason or "Bad Request")
