"""An end that comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger(__name__)


async def stop_within(seconds: float, stop: Callable[[], Awaitable[None]]) -> None:
    """Stop something; what has not ended after `seconds` is left to the end of the process."""
    try:
        async with asyncio.timeout(seconds):
            await stop()
    except TimeoutError:
        _log.warning("a part of the platform did not end in time", seconds=seconds)
