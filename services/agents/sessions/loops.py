"""Work of sessions that no caller waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from kit.errors import Unavailable

_log = structlog.get_logger(__name__)


class ActivityRecorder:
    """Writes down when sessions were used, one write at a time for each.

    Args:
        write: stores that a session was used at a time.
    """

    def __init__(self, write: Callable[[str, datetime], Awaitable[None]]) -> None:
        self._write = write
        self._running: dict[str, asyncio.Task[None]] = {}

    def note(self, session_id: str, at: datetime) -> None:
        """Begin to write, unless a write for this session is under way."""
        if session_id not in self._running:
            self._running[session_id] = asyncio.create_task(self._record(session_id, at))

    async def close(self) -> None:
        """Wait until everything noted is written."""
        await asyncio.gather(*self._running.values())

    async def _record(self, session_id: str, at: datetime) -> None:
        try:
            await self._write(session_id, at)
        except Unavailable as error:
            # The next use of the session notes it again.
            _log.warning("the activity of a session is not noted", session_id=session_id, problem=error.message)
        finally:
            del self._running[session_id]
