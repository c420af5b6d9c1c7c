"""Waiting longer each time, and never all together."""

from __future__ import annotations

import random
from collections.abc import Iterator

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 10.0
_random = random.SystemRandom()


def delays(first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> Iterator[float]:
    """Yield seconds to wait without end: a limit that doubles, and of it a random part between a half and the whole."""
    limit = first
    while True:
        yield limit * _random.uniform(0.5, 1.0)
        limit = min(limit * 2, longest)
