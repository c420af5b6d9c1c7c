"""The calls under way on one channel, and the one timer that ends those whose time is up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.inprocess.exchange import Exchange

# The timers of an event loop are this exact, in either direction.
_TICK_SECONDS = 0.001


class CallsUnderWay(set["Exchange"]):
    """The calls of one channel that are not settled; each adds and removes itself.

    All share a timer, set to the earliest deadline: almost every call ends long before its own, and a timer for each,
    made and cancelled, would cost a tenth of the call.

    Args:
        loop: the event loop of the channel.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    def end_by(self, deadline: float) -> None:
        """End the call that has `deadline`, in seconds of the loop's clock, when it comes."""
        if self._timer is None or deadline < self._rings_at:
            self.stop_timer()
            self._rings_at = deadline
            self._timer = self._loop.call_at(deadline, self._ring)

    def stop_timer(self) -> None:
        """End no more calls."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time() + _TICK_SECONDS
        timed = [(call.deadline, call) for call in self if call.deadline is not None]
        for deadline, call in timed:
            if deadline <= now:
                call.expire()
        if later := [deadline for deadline, _ in timed if deadline > now]:
            self.end_by(min(later))
