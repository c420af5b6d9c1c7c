"""Health and metrics of a process without a gateway."""

from __future__ import annotations

import aiohttp
import pytest
from prometheus_client import Counter

from kit.metrics import new_registry
from kit.metrics_server import start_metrics_server


async def test_it_shows_metrics_and_health() -> None:
    registry, ready = new_registry(), [True]
    Counter("piecework_things", "Things.", registry=registry).inc(3)
    server = await start_metrics_server(0, registry=registry, is_ready=lambda: ready[0])
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        async with client.get("/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=")
            assert "piecework_things_total 3.0" in await response.text()
        async with client.get("/health") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})
        ready[0] = False
        async with client.get("/health") as response:
            assert (response.status, await response.json()) == (503, {"status": "unavailable"})
    await server.close()


async def test_a_port_that_is_taken_is_told() -> None:
    first = await start_metrics_server(0)
    with pytest.raises(OSError, match="in use"):
        await start_metrics_server(first.port)
    await first.close()
