"""The table of the operations face."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import psutil
from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder

from gateway.buckets import Buckets
from gateway.call import Call
from gateway.faces.ops import documents, schemas
from gateway.faces.ops.welcome import page, wants_page, welcome
from gateway.faces.queue.dialect import QueueDialect
from gateway.observation import HttpMetrics
from gateway.routing import Access, Face, Route
from gateway.times import now_text
from kit.metrics import Registry

_route = partial(Route, tag="Operations", access=Access.OPEN)
# Nothing here is limited, but a credential that comes along is checked, so guesses of keys are.
BUCKETS = Buckets({}, lambda _method, _path: None)


class Operations:
    """Answers questions about the gateway itself.

    Args:
        registry: the series of the process.
        metrics: those of its HTTP requests.

    Attributes:
        document: the OpenAPI document as it is served; set once all faces are known.
        faces: all of them, once they are known.
    """

    def __init__(self, registry: Registry, metrics: HttpMetrics) -> None:
        self._registry = registry
        self._metrics = metrics
        self._started = time.monotonic()
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first look has nothing to compare with
        self._dialect = QueueDialect()
        self.document = b"{}"
        self.faces: Sequence[Face] = ()

    async def welcome(self, call: Call) -> schemas.Welcome | web.Response:
        """Tell where everything is."""
        known = welcome(self.faces)
        call.headers[hdrs.VARY] = hdrs.ACCEPT
        return page(known) if wants_page(call.request) else known

    async def health(self, call: Call) -> web.Response:
        """Tell whether the platform works."""
        healthy = await call.peers.storage_healthy()
        data = schemas.Health(
            status="healthy" if healthy else "unhealthy",
            timestamp=now_text(),
            uptime=self._uptime,
            storage=schemas.Storage(healthy, "mongodb"),
        )
        body = (
            self._dialect.success(data, call.exchange.correlation_id)
            if healthy
            else self._dialect.unsuccessful(data, "Storage is not available")
        )
        return web.Response(body=body, status=200 if healthy else 503, headers={"Content-Type": "application/json"})

    async def metrics(self, call: Call) -> web.Response:
        """Return the series in the format that Prometheus asks for."""
        await self._registry.refresh()
        encode, content_type = choose_encoder(call.request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def metrics_json(self, call: Call) -> schemas.Numbers:
        """Return a few numbers for people."""
        counted = self._metrics
        mean = counted.seconds * 1000 / counted.total if counted.total else 0.0
        return schemas.Numbers(
            requests_total=counted.total,
            requests_success=counted.total - counted.failed,
            requests_error=counted.failed,
            response_time_avg=round(mean, 3),
            active_sessions=call.services.authenticator.active_sessions,
            system=schemas.System(
                memory_usage=round(self._process.memory_percent(), 2),
                cpu_usage=round(self._process.cpu_percent() / (psutil.cpu_count() or 1), 2),
                uptime=self._uptime,
            ),
        )

    async def openapi(self, _call: Call) -> web.Response:
        """Return the OpenAPI document."""
        return web.Response(body=self.document, headers={"Content-Type": "application/json"})

    async def docs(self, _call: Call) -> web.Response:
        """Return the page of the interactive documentation."""
        return documents.page()

    async def docs_asset(self, call: Call) -> web.Response:
        """Return a file that the page needs."""
        return documents.asset(call.request.match_info["asset"])

    @property
    def _uptime(self) -> int:
        return int(time.monotonic() - self._started)


def face(operations: Operations) -> Face:
    """Return the operations face."""
    routes = (*_numbers(operations), *_documents(operations))
    return Face("ops", "/", routes, QueueDialect(), buckets=BUCKETS)


def _numbers(operations: Operations) -> tuple[Route, ...]:
    return (
        _route(
            "GET",
            "/",
            "welcome",
            "Tell where everything is",
            operations.welcome,
            schemas.Welcome,
            description="A page for those who accept `text/html`.",
        ),
        _route(
            "GET",
            "/health",
            "getHealth",
            "Tell whether the platform works",
            operations.health,
            schemas.Health,
            description="The status is 503, and `success` false, while the storage cannot be reached.",
        ),
        _route(
            "GET", "/metrics", "getMetrics", "Metrics for Prometheus", operations.metrics, str, media_type="text/plain"
        ),
        _route(
            "GET",
            "/metrics/json",
            "getMetricsJson",
            "A few numbers for people",
            operations.metrics_json,
            schemas.Numbers,
        ),
    )


def _documents(operations: Operations) -> tuple[Route, ...]:
    return (
        _route("GET", "/openapi.json", "getOpenApi", "This document", operations.openapi, dict[str, Any]),
        _route(
            "GET",
            "/api/docs",
            "getDocs",
            "The interactive documentation",
            operations.docs,
            str,
            media_type="text/html",
        ),
        _route(
            "GET",
            "/api/docs/{asset}",
            "getDocsAsset",
            "A file of the interactive documentation",
            operations.docs_asset,
            str,
            media_type="*/*",
            errors=(404,),
        ),
    )
