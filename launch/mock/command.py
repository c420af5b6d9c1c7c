"""`piecework mock`: its options."""

from __future__ import annotations

from typing import Annotated

import typer
from aiohttp import web

from launch import addresses
from launch.loop import run
from launch.mock.server import BASES, MockServer
from launch.signals import StopSignals
from launch.terminal import say

_PORT = 4321


def mock(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.")] = _PORT,
) -> None:
    """Answer as the runs face does, without a platform and without keys: runs complete when asked about twice.

    Threads, files and streams work too, in memory. For clients that are being written.
    """
    run(_serve(host, port))


async def _serve(host: str, port: int) -> None:
    """Serve until a signal comes.

    Raises:
        CommandFailed: the port is taken.
    """
    signals = StopSignals()
    listener = addresses.take(host, port)
    runner = web.AppRunner(MockServer().app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        say(f"piecework mock ready: {addresses.url(host, listener.getsockname()[1])}{BASES[0]}")
        await signals.asked.wait()
    finally:
        await runner.cleanup()
