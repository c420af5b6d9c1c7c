"""Loops that run as long as their service does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, NoReturn

import structlog

from kit.errors import Unavailable

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 30.0
_log = structlog.get_logger(__name__)


class Background:
    """Runs loops, and starts one again that broke: a bug in a loop is logged, and never ends it for good."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `run` until `close`; `name` is what the log calls it."""
        self._tasks.append(asyncio.create_task(_keep_running(name, run), name=name))

    async def close(self) -> None:
        """End the loops and wait until they have ended."""
        await end(self._tasks)
        self._tasks.clear()


async def every(seconds: float, look: Callable[[], Awaitable[object]], trouble: str) -> NoReturn:
    """Look for ever, with a rest after each look.

    Args:
        seconds: how long the rest is.
        look: what is done; when something that it needs cannot be reached, it is done again after the rest.
        trouble: what the log says then.
    """
    while True:
        try:
            await look()
        except Unavailable as error:
            _log.warning(trouble, problem=error.message)
        await asyncio.sleep(seconds)


async def end(tasks: Iterable[asyncio.Task[Any]], *, again_seconds: float = 2.0) -> None:
    """Cancel tasks and wait until they have ended, however they do.

    Drivers sometimes take a cancellation for the end of a timeout of their own, when both come together, and go on. So
    it is repeated.

    Args:
        tasks: what is to end.
        again_seconds: the time between two cancellations of a task; what it tidies up is cut short by the next one.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)


async def _keep_running(name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        began = time.monotonic()
        try:
            await run()
        except Exception:  # noqa: BLE001 - whatever it is, the loop has to go on
            _log.exception("a background loop broke and starts again", loop=name, pause_seconds=pause)
        if time.monotonic() - began > _LONGEST_PAUSE_SECONDS:
            # It went well for long: what broke it now is not what broke it then.
            pause = _FIRST_PAUSE_SECONDS
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
