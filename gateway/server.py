"""Runs the gateway on a port."""

from __future__ import annotations

from aiohttp import web

from gateway.app import GatewayResources, build_app
from gateway.faces.queue.dialect import QueueDialect
from gateway.protocol import Runner


class GatewayServer:
    """The gateway of one process, listening.

    Attributes:
        port: where it listens.
    """

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self.port = port

    async def stop(self) -> None:
        """Take no more requests, end event streams, and let the other requests under way end.

        Requests that have not ended after the drain time of the settings are cancelled.
        """
        await self._runner.cleanup()


async def serve(resources: GatewayResources, host: str, port: int) -> GatewayServer:
    """Begin to serve.

    Args:
        resources: what the gateway needs.
        host: the address to listen on.
        port: the port; 0 lets the system choose.

    Raises:
        OSError: the port is taken, or the address is not one of this machine.
    """
    runner = Runner(build_app(resources), QueueDialect(), resources.settings.drain_seconds)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return GatewayServer(runner, int(runner.addresses[0][1]))
