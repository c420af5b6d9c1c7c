"""Answers what is not even HTTP in the same words as everything else; aiohttp would send plain text and log a stack."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.endpoint import JSON
from gateway.errors import Failure
from gateway.headers import CORRELATION, SECURITY, SERVER
from gateway.routing import Dialect
from kit.ids import new_id

_REASONS = {413: "Request is too large", 500: "Internal Server Error"}

_log = structlog.get_logger(__name__)


class Runner(web.AppRunner):
    """Runs an application whose connections answer bytes that are no request in the words of a face.

    Args:
        app: the application.
        dialect: the words.
        drain_seconds: how long requests under way may take to end.
    """

    __slots__ = ("_dialect",)

    def __init__(self, app: web.Application, dialect: Dialect, drain_seconds: float) -> None:
        super().__init__(
            app,
            access_log=None,  # the gateway has its own, at a third of the cost
            handler_cancellation=True,  # a client that goes away takes its calls with it
            shutdown_timeout=drain_seconds,
            keepalive_timeout=75.0,
        )
        self._dialect = dialect

    async def _make_server(self) -> web.Server:
        # aiohttp has no parameter for the class of a connection: the server is told afterwards.
        server = await super()._make_server()
        server.__class__ = _Server
        server.dialect = self._dialect  # type: ignore[attr-defined]
        return server


class _Server(web.Server):
    dialect: Dialect

    def __call__(self) -> RequestHandler:
        return _Connection(self, self.dialect)


class _Connection(RequestHandler):
    __slots__ = ("_dialect",)

    def __init__(self, server: _Server, dialect: Dialect) -> None:
        super().__init__(server, loop=server._loop, **server._kwargs)
        self._dialect = dialect

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what was sent
    ) -> web.StreamResponse:
        """Return the answer to bytes that are no request; the connection ends with it.

        Raises:
            ConnectionError: an answer has begun already.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, it cannot be replaced by an error")
        correlation_id = new_id()
        if status >= 500:
            _log.error("connection failed", correlation_id=correlation_id, exc_info=exc)
        else:
            _log.info("request", route="malformed", status=status, correlation_id=correlation_id)
        failure = Failure(status, _REASONS.get(status, "Malformed HTTP request"))
        headers = {"Content-Type": JSON, CORRELATION: correlation_id, "Server": SERVER, **SECURITY}
        body = self._dialect.failure(failure, correlation_id)
        response = web.Response(body=body, status=status, headers=headers)
        response.force_close()
        return response
