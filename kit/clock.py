"""Time as a dependency, so that tests decide what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day."""

    def now(self) -> datetime:
        """Return the time in UTC, cut to whole milliseconds (the precision that MongoDB stores)."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the time in UTC, cut to whole milliseconds."""
        return whole_milliseconds(datetime.now(UTC))


class ManualClock:
    """A clock that stands still until it is moved. For tests."""

    def __init__(self, start: datetime) -> None:
        self._now = whole_milliseconds(start)

    def now(self) -> datetime:
        """Return the time that was set last."""
        return self._now

    def set(self, to: datetime) -> None:
        """Move the clock to `to`."""
        self._now = whole_milliseconds(to)


def whole_milliseconds(at: datetime) -> datetime:
    """Return `at` without the digits below a millisecond."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
