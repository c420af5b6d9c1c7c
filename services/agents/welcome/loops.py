"""What happens by itself: credits that a crash or an outage held back are given."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from kit.errors import DomainError

if TYPE_CHECKING:
    from services.agents.welcome.service import WelcomeService

_log = structlog.get_logger(__name__)


class Welcomer:
    """Gives what is owed. One replica runs it.

    Args:
        welcome: knows what is owed.
        tick_seconds: how often to look.
    """

    def __init__(self, welcome: WelcomeService, tick_seconds: float = 5.0) -> None:
        self._welcome = welcome
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                given = await self._welcome.give_owed()
            except DomainError as error:
                _log.warning("welcome credits have to wait", reason=error.reason, problem=error.message)
            else:
                if given:
                    _log.info("welcome credits given belatedly", operators=given)
            await asyncio.sleep(self._tick_seconds)
