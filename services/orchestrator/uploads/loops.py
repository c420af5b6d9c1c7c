"""Forgets what was announced and never completed; its bytes go like those of any upload that was left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from kit.background import every

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.uploads.store import UploadStore

_TICK_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class Forgetter:
    """Looks for announcements whose time is over.

    Args:
        store: where they are kept.
        clock: the time.
        tick_seconds: how long it rests between two looks.
    """

    def __init__(self, store: UploadStore, clock: Clock, *, tick_seconds: float = _TICK_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Look again and again."""
        await every(self._tick_seconds, self.forget, "announced uploads are forgotten later")

    async def forget(self) -> int:
        """Forget those whose time is over; return how many there were."""
        return await self._store.remove_expired(self._clock.now())
