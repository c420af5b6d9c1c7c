"""Removes what uploads and removals left behind that nobody ended, and attachments whose runs are long over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from kit.background import every
from services.orchestrator.files.model import ATTACHMENT_LIFE
from services.orchestrator.files.service import UPLOAD_SECONDS

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.files.store import FileStore

# No upload that is under way is so old.
_AGE = timedelta(seconds=2 * UPLOAD_SECONDS)
_TICK_SECONDS = 60.0
_BATCH = 100
_log = structlog.get_logger(__name__)


class Sweeper:
    """Looks for uploads whose process has died, and for old attachments.

    Args:
        store: where they are written down.
        clock: the time.
        tick_seconds: how long it rests between two looks.
    """

    def __init__(self, store: FileStore, clock: Clock, *, tick_seconds: float = _TICK_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Look again and again."""
        await every(self._tick_seconds, self.sweep, "what uploads left behind is removed later")

    async def sweep(self) -> int:
        """Remove what is left behind; return how many there were."""
        removed = 0
        while found := await self._store.left_behind(self._clock.now() - _AGE, _BATCH):
            for file_id in found:
                await self._store.remove_open(file_id)
            removed += len(found)
        if removed:
            _log.info("uploads that nobody ended were removed", uploads=removed)
        return removed + await self._remove_attachments()

    async def _remove_attachments(self) -> int:
        removed = 0
        while found := await self._store.old_attachments(self._clock.now() - ATTACHMENT_LIFE, _BATCH):
            for file in found:
                await self._store.delete(file.operator_id, file.id)
            removed += len(found)
        return removed
