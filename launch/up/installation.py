"""One run of `piecework up`, from the locks to the last child process."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog

from kit import logs
from kit.background import end
from kit.engines import EmbeddedEngines
from kit.settings import Settings
from launch import addresses, places, targets
from launch.credentials import Credentials
from launch.errors import CommandFailed
from launch.failures import explained
from launch.loop import settle
from launch.places import DataDirectory, RunningPlatform
from launch.signals import StopSignals
from launch.stopping import stop_within
from launch.terminal import err
from launch.up.claim import Premises, claim
from launch.up.greeting import greet
from launch.up.options import UpOptions
from launch.up.secrets import with_secrets

if TYPE_CHECKING:
    from launch.platform import Platform

# With the five seconds that MongoDB may take this stays below the ten in which `up` promises to end.
_DRAIN_SECONDS = 1.5
_STOP_SECONDS = 3.5
_IMPATIENCE_SECONDS = 0.2
_GRPC_HOST = "127.0.0.1"
_OPLOG_MB_IN_MEMORY = 64  # a platform in memory is never taken up again, and it shares the memory

_log = structlog.get_logger(__name__)


class Installation:
    """Runs a whole platform in this process.

    Args:
        options: what was asked for.
    """

    def __init__(self, options: UpOptions) -> None:
        self._options = options
        self._host, self._port = options.settings.host, options.settings.port

    async def run(self) -> None:
        """Run until a signal comes.

        Raises:
            CommandFailed: the platform cannot start, or cannot go on.
        """
        signals = StopSignals()
        with claim(self._options) as premises, addresses.take(self._host, self._port) as listener:
            settings = self._options.settings
            logs.configure(settings.log_level, file=settings.log_file or str(premises.data.log_file))
            engines = self._engines(premises)
            life = asyncio.create_task(self._live(premises, listener, engines, signals.asked))
            impatience = asyncio.create_task(signals.pressed.wait())
            await asyncio.wait({life, impatience}, return_when=asyncio.FIRST_COMPLETED)
            impatience.cancel()
            if not life.done():
                # Without its engines the rest has nothing to wait for.
                await engines.kill()
                await end({life}, again_seconds=_IMPATIENCE_SECONDS)
            if not life.cancelled():
                life.result()

    def _engines(self, premises: Premises) -> EmbeddedEngines:
        if self._options.ephemeral:  # what is kept in memory must not end up in a configured database
            return EmbeddedEngines(premises.data.path, oplog_mb=_OPLOG_MB_IN_MEMORY)
        settings = self._options.settings
        return EmbeddedEngines(premises.data.path, mongodb_uri=settings.mongodb_uri, redis_url=settings.redis_url)

    async def _live(
        self, premises: Premises, listener: socket.socket, engines: EmbeddedEngines, asked: asyncio.Event
    ) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end, engines)
            starting = self._start(stack, premises, listener, engines)
            if await _unless(asked, starting):
                await _first(asked.wait(), engines.failed)
                reason = "a signal" if asked.is_set() else "a lost engine"
                _log.info("the platform stops", reason=reason)
                err.print("stopping …", style="dim")
        if engines.failed.done():
            raise CommandFailed(str(engines.failed.result()), f"More is in {premises.data.log_file}.")

    async def _start(
        self, stack: AsyncExitStack, premises: Premises, listener: socket.socket, engines: EmbeddedEngines
    ) -> None:
        with explained("the platform cannot start", f"Try piecework doctor, and look into {premises.data.path}."):
            with err.status("starting MongoDB and Valkey …"):
                # The code of the services is read while the engines start: half a second on a laptop.
                await asyncio.gather(engines.start(), asyncio.to_thread(_load_services))
            with err.status("starting the services …"):
                credentials, platform = await self._open(stack, premises, listener, engines)
        running = RunningPlatform(credentials.gateway, f"{_GRPC_HOST}:{platform.grpc_port}", os.getpid())
        places.write(premises.public.platform, running)
        _log.info("the platform is ready", gateway=credentials.gateway)
        settle()
        greet(credentials, premises, self._options)

    async def _open(
        self, stack: AsyncExitStack, premises: Premises, listener: socket.socket, engines: EmbeddedEngines
    ) -> tuple[Credentials, Platform]:
        from launch.first_start import FirstStart
        from launch.platform import Platform

        settings = self._configure(premises.public, engines)
        port = listener.getsockname()[1]
        platform = Platform(settings, targets.SERVICES, f"{_GRPC_HOST}:{settings.grpc_port}", {})
        stack.push_async_callback(stop_within, _STOP_SECONDS, platform.stop)
        await platform.start()
        first_start = FirstStart(platform.channels, platform.outgoing, premises.public)
        credentials = await first_start.complete(addresses.url(self._host, port))
        listener.close()  # it kept the port for us so far
        await platform.open_gateway(self._host, port)
        return credentials, platform

    def _configure(self, public: DataDirectory, engines: EmbeddedEngines) -> Settings:
        """Return the settings of the services."""
        settings = with_secrets(self._options.settings, public)
        return settings.replace(
            replica=self._replica(),
            mongodb_uri=engines.mongodb_uri,
            redis_url=engines.redis_url,
            drain_seconds=_DRAIN_SECONDS,
            # On a laptop the receiver of a webhook is usually on the same one.
            webhooks_allow_loopback=settings.webhooks_allow_loopback is not False,
        )

    def _replica(self) -> str:
        """Return the name of this process among those on its database: on one of its own there is no other."""
        settings = self._options.settings
        return settings.replica or ("" if settings.mongodb_uri else "up")

    async def _end(self, engines: EmbeddedEngines) -> None:
        if self._options.ephemeral:  # nothing has to be kept, so nothing has to be waited for
            await engines.kill()
        await engines.stop()


def _load_services() -> None:
    for module in ("launch.platform", "launch.first_start", *(f"services.{name}.app" for name in targets.SERVICES)):
        import_module(module)


async def _unless(event: asyncio.Event, job: Coroutine[Any, Any, None]) -> bool:
    """Do `job` and return True; give it up and return False when `event` is set before it is done."""
    task = asyncio.create_task(job)
    await _first(event.wait(), task)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return False
    await task
    return True


async def _first(one: Coroutine[Any, Any, Any], other: asyncio.Future[Any]) -> None:
    waiting = asyncio.ensure_future(one)
    try:
        await asyncio.wait({waiting, other}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
