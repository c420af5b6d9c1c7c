"""Waiting for what nobody announces: a state in a database, a number among metrics, what another task does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_EVERY_SECONDS = 0.01


async def come_true(condition: Callable[[], Awaitable[bool] | bool], seconds: float = 60) -> None:
    """Wait until a condition holds, for `seconds` at the most.

    Raises:
        TimeoutError: it never did.
    """
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(_EVERY_SECONDS)
