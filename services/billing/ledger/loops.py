"""What the ledger does by itself: end holds whose time is over, and check that the books are right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from kit.background import every
from kit.errors import Unavailable
from services.billing.ledger.commands import ReleaseHold

if TYPE_CHECKING:
    from collections.abc import Callable

    from kit.clock import Clock
    from services.billing.ledger.audit import Audit
    from services.billing.ledger.report import Report, Signs
    from services.billing.ledger.service import Writer
    from services.billing.ledger.store import LedgerStore

_MAX_DUE = 500
_log = structlog.get_logger(__name__)


class HoldExpiry:
    """Gives back holds whose time is over. One replica runs it.

    Args:
        store: finds them.
        journal: ends them.
        clock: the time.
        tick_seconds: how often to look.
    """

    def __init__(self, store: LedgerStore, journal: Writer, clock: Clock, tick_seconds: float = 5.0) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Look for ever."""
        await every(self._tick_seconds, self.tick, "holds cannot be ended now")

    async def tick(self) -> int:
        """End what is due; returns how many holds that were."""
        ended = 0
        now = self._clock.now()
        while due := await self._store.due(now, _MAX_DUE):
            commands = [ReleaseHold(hold_id, "Its time is over", due_at=now) for hold_id in due]
            await asyncio.gather(*(self._journal.apply(command) for command in commands))
            ended += len(due)
        return ended


class InvariantWatch:
    """Checks the books. One replica runs it.

    Args:
        audit: reads them.
        on_signs: is told what the quick check found.
        on_report: is told what the journal says.
        tick_seconds: how often to make the quick check.
        ticks_per_verification: after how many of them the whole journal is read.
    """

    def __init__(
        self,
        audit: Audit,
        on_signs: Callable[[Signs], None],
        on_report: Callable[[Report], None],
        tick_seconds: float = 60.0,
        ticks_per_verification: int = 360,
    ) -> None:
        self._audit = audit
        self._on_signs = on_signs
        self._on_report = on_report
        self._tick_seconds = tick_seconds
        self._ticks_per_verification = ticks_per_verification

    async def run(self) -> None:
        """Look for ever."""
        ticks = 0
        while True:
            try:
                await self.look(whole=ticks % self._ticks_per_verification == 0)
            except Unavailable as error:
                _log.warning("the books cannot be checked now", problem=error.message)
            ticks += 1
            await asyncio.sleep(self._tick_seconds)

    async def look(self, *, whole: bool) -> None:
        """Check once, with the journal if `whole`."""
        signs = await self._audit.signs()
        self._on_signs(signs)
        if signs.broken:
            _log.error("the books are wrong", broken=signs.broken)
        if whole:
            report = await self._audit.verify()
            self._on_report(report)
            if not report.ok:
                _log.error("the journal does not agree with the books", problems=report.problems)
