"""When a call that failed is made again."""

from __future__ import annotations

import random

import msgspec

_random = random.SystemRandom()


class Retries(msgspec.Struct, frozen=True):
    """How often, and how long after.

    Attributes:
        attempts: calls in all.
        first_seconds: about how long to wait after the first failure; twice as long after each further one.
        longest_seconds: how long to wait at most. Where a provider asks for more patience, somebody else must wait: the
            caller is told when to come back.
    """

    attempts: int = 4
    first_seconds: float = 0.5
    longest_seconds: float = 8.0

    def pause(self, failures: int, retry_after_seconds: float | None) -> float | None:
        """Return how long to wait after so many failures; None to give up.

        Many wait at the same time: chance parts them, also those that were told the same moment.
        """
        if failures >= self.attempts:
            return None
        if retry_after_seconds is not None:
            if retry_after_seconds > self.longest_seconds:
                return None
            return retry_after_seconds * _random.uniform(1.0, 1.2)
        longest: float = min(self.first_seconds * 2.0 ** (failures - 1), self.longest_seconds)
        return longest * _random.uniform(0.5, 1.0)
