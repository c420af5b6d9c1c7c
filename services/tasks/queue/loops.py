"""What the queue does by itself: finish deletions that a crash interrupted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from kit.errors import DomainError

if TYPE_CHECKING:
    from services.tasks.queue.service.projects import ProjectService

_log = structlog.get_logger(__name__)


class Remover:
    """Removes what is left of deleted projects. One replica runs it.

    Args:
        projects: knows them.
        tick_seconds: how often to look.
    """

    def __init__(self, projects: ProjectService, tick_seconds: float = 10.0) -> None:
        self._projects = projects
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self._projects.remove_condemned()
            except DomainError as error:
                _log.warning("deleted projects cannot be removed now", reason=error.reason, problem=error.message)
            await asyncio.sleep(self._tick_seconds)
