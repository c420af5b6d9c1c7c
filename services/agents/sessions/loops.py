"""Work of credentials that no caller waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from kit.errors import Unavailable

_log = structlog.get_logger(__name__)


class ActivityRecorder:
    """Writes down when credentials were used, one write at a time for each.

    Args:
        write: stores that the credential of an id was used at a time.
    """

    def __init__(self, write: Callable[[str, datetime], Awaitable[None]]) -> None:
        self._write = write
        self._running: dict[str, asyncio.Task[None]] = {}

    def note(self, used: str, at: datetime) -> None:
        """Begin to write, unless a write for this credential is under way."""
        if used not in self._running:
            self._running[used] = asyncio.create_task(self._record(used, at))

    async def close(self) -> None:
        """Wait until everything noted is written."""
        await asyncio.gather(*self._running.values())

    async def _record(self, used: str, at: datetime) -> None:
        try:
            await self._write(used, at)
        except Unavailable as error:
            # The next use notes it again.
            _log.warning("the use of a credential is not noted", id=used, problem=error.message)
        finally:
            del self._running[used]
