"""Health and metrics over HTTP, for processes without a gateway."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from kit.metrics import Registry


class MetricsServer:
    """Answers `GET /metrics` and `GET /health`. Made by `start_metrics_server`.

    Attributes:
        port: where it listens.
    """

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self.port = port

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()


async def start_metrics_server(
    port: int,
    *,
    host: str = "127.0.0.1",
    registry: CollectorRegistry = REGISTRY,
    is_ready: Callable[[], bool] = lambda: True,
) -> MetricsServer:
    """Begin to answer `GET /metrics` and `GET /health`.

    Args:
        port: where to listen; 0 lets the system choose.
        host: the address to listen on.
        registry: what `/metrics` shows.
        is_ready: whether `/health` says 200 or 503.

    Raises:
        OSError: the port is taken.
    """

    async def metrics(request: web.Request) -> web.Response:
        if isinstance(registry, Registry):
            await registry.refresh()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def health(_request: web.Request) -> web.Response:
        ready = is_ready()
        return web.json_response({"status": "ok" if ready else "unavailable"}, status=200 if ready else 503)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", health)
    return await _listen(app, host, port)


async def _listen(app: web.Application, host: str, port: int) -> MetricsServer:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port, reuse_address=True)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return MetricsServer(runner, int(runner.addresses[0][1]))
