"""Wakes workers that wait for work, without asking the database.

Waiting workers take tickets. Whoever puts n items on a queue rings n times for their operator: in this process at once,
in the others through wake-ups. A ticket that was rung and goes away unused passes its ring on, so that no item lies
while somebody waits.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter, defaultdict, deque
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.redis import Wakeups

# Timers round to whole milliseconds: one that comes too early would find nothing, and no other follows.
_TIMER_SLACK_SECONDS = 0.005


class Ticket:
    """A place in the line of one queue. Use as a context manager around the whole wait.

    Stand in line, look for work, and `settle` what the look brought; when it brought nothing, `wait`, and look again.
    """

    def __init__(self, doorbell: Doorbell, queue: str, operator_id: int | None) -> None:
        self.operator_id = operator_id
        self._doorbell = doorbell
        self._queue = queue
        self._rung = asyncio.Event()
        self._rung_for: int | None = None
        self._unsettled = False

    async def wait(self, seconds: float) -> bool:
        """Wait for a ring and stand in line again; False when `seconds` passed without one."""
        try:
            # Not `wait_for`: when a ring and a cancellation come in one turn, it forgets the cancellation.
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        self._unsettled = True
        self._doorbell.enter(self._queue, self)
        return True

    def settle(self) -> None:
        """Say that the holder has looked for work since the last ring."""
        self._unsettled = False

    def ring(self, operator_id: int | None) -> None:
        """Wake the holder for an item of an operator."""
        self._rung_for = operator_id
        self._rung.set()

    def __enter__(self) -> Ticket:
        self._doorbell.enter(self._queue, self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._doorbell.leave(self._queue, self)
        if self._unsettled or self._rung.is_set():
            self._doorbell.ring_here(self._queue, self._rung_for, 1)


class Doorbell:
    """The lines of waiting workers, by queue.

    Args:
        wakeups: carries rings to the other replicas.
    """

    def __init__(self, wakeups: Wakeups) -> None:
        self._lines: defaultdict[str, deque[Ticket]] = defaultdict(deque)
        self._wakeups = wakeups
        self._replica = secrets.token_hex(4)
        self._serial = 0
        self._untold: Counter[tuple[str, int]] = Counter()
        wakeups.on_message(self._hear)
        wakeups.on_resume(self._ring_all)

    def ticket(self, queue: str, operator_id: int | None = None) -> Ticket:
        """Return a ticket for `queue`; it stands in line while its context is open.

        Args:
            queue: the queue.
            operator_id: the holder takes only items of this operator; of all when None.
        """
        return Ticket(self, queue, operator_id)

    def ring(self, queue: str, operator_id: int, count: int = 1) -> None:
        """Tell every replica that `count` items of an operator can be leased."""
        if count <= 0:
            return
        self.ring_here(queue, operator_id, count)
        if not self._untold:
            asyncio.get_running_loop().call_soon(self._tell_others)
        self._untold[queue, operator_id] += count

    def ring_after(self, queue: str, operator_id: int, seconds: float, count: int = 1) -> None:
        """Ring when `seconds` have passed: `count` items that wait for their time can be leased then."""
        asyncio.get_running_loop().call_later(seconds + _TIMER_SLACK_SECONDS, self.ring, queue, operator_id, count)

    def waiting(self, queue: str) -> int:
        """Return how many workers of this replica wait for work on the queue."""
        return len(self._lines.get(queue, ()))

    def ring_here(self, queue: str, operator_id: int | None, count: int) -> None:
        """Wake up to `count` workers of this replica that can use it, those first who wait the longest."""
        line = self._lines.get(queue, deque())
        able = (ticket for ticket in line if operator_id is None or ticket.operator_id in (None, operator_id))
        for ticket in list(itertools.islice(able, count)):
            line.remove(ticket)
            ticket.ring(operator_id)

    def enter(self, queue: str, ticket: Ticket) -> None:
        """Put a ticket at the end of the line."""
        self._lines[queue].append(ticket)

    def leave(self, queue: str, ticket: Ticket) -> None:
        """Take a ticket out of the line, if it is still in it."""
        line = self._lines.get(queue)
        if line is None:
            return
        if ticket in line:
            line.remove(ticket)
        if not line:
            del self._lines[queue]

    def _tell_others(self) -> None:
        untold, self._untold = self._untold, Counter()
        for (queue, operator_id), count in untold.items():
            # The serial number keeps two rings apart: wake-ups that read the same may travel as one.
            self._serial += 1
            self._wakeups.publish(f"{self._replica} {self._serial} {operator_id} {count} {queue}")

    def _hear(self, message: str) -> None:
        replica, _, operator_id, count, queue = message.split(" ", 4)
        if replica != self._replica:
            self.ring_here(queue, int(operator_id), int(count))

    def _ring_all(self) -> None:
        # Rings may have been missed while Redis was away: everybody looks once.
        for queue, line in list(self._lines.items()):
            self.ring_here(queue, None, len(line))
