"""Keeping a lease alive while the work is done."""

from __future__ import annotations

import asyncio
import math

from launch.worker.connection import Connection
from launch.worker.errors import Refused, Unreachable
from launch.worker.task import LeasedTask

_MAX_MINUTES = 1440


class LeaseLost(Exception):
    """The task is not this worker's any more; the message says why."""


async def keep(connection: Connection, task: LeasedTask) -> None:
    """Extend the lease of `task` each time half of it is over, by what is over; never returns.

    Raises:
        LeaseLost: the platform gave the task to somebody else or took it back, or could not be asked in time.
    """
    while True:
        half = max(task.remaining_seconds() / 2, 0.0)
        await asyncio.sleep(half)
        minutes = min(max(math.ceil(half / 60), 1), _MAX_MINUTES)
        try:
            await connection.call(
                lambda api, token: api.extend(token, connection.agent, task, minutes),  # noqa: B023 - awaited here
                give_up_at=task.ends_at,
            )
        except Refused as error:
            raise LeaseLost(error.message) from error
        except Unreachable as error:
            raise LeaseLost(f"it ran out while {error}") from error
