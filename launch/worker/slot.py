"""One worker name: it takes a task, does it, hands in what came of it, and begins again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from launch.worker import lease, outcome
from launch.worker.connection import Connection
from launch.worker.environment import describe, write_task
from launch.worker.errors import QueueError
from launch.worker.outcome import Fate, Outcome
from launch.worker.progress import Progress, Tally
from launch.worker.run import CommandRun, Ending
from launch.worker.shift import Shift
from launch.worker.task import LeasedTask

# How long the queue is told about a stopped command, before the lease is left to run out.
_FAREWELL_SECONDS = 3.0


class Slot:
    """Works on one task at a time under one name.

    Args:
        connection: signs in as that name.
        command: what to run.
        folder: where the files for the command go.
        shift: says when to go on and when to end.
        progress: is told what happens.
        tally: counts it.
    """

    def __init__(
        self,
        connection: Connection,
        command: Sequence[str],
        folder: Path,
        shift: Shift,
        progress: Progress,
        tally: Tally,
    ) -> None:
        self._connection = connection
        self._agent = connection.agent
        self._command = command
        self._folder = folder
        self._shift = shift
        self._progress = progress
        self._tally = tally

    async def work(self) -> None:
        """Work until the shift ends.

        Raises:
            Refused: the platform does not let this worker in.
        """
        try:
            while not self._shift.ending.is_set():
                self._progress.waiting(self._agent)
                task = await self._shift.unless_ending(self._next_task())
                if task is not None:
                    with self._shift.busy():
                        await self._do(task)
                elif self._shift.until_empty and not await self._shift.worth_asking_again():
                    return
            await self._give_back()
        finally:
            await self._connection.close()

    async def _next_task(self) -> LeasedTask | None:
        connection, wait_seconds = self._connection, self._shift.wait_seconds
        return await connection.call(
            # An empty id cannot be: the connection signs in, and learns it, before it makes the request.
            lambda api, token: api.next_task(token, self._agent, connection.project_id, wait_seconds)
        )

    async def _give_back(self) -> None:
        """Hand back a task that came in the moment in which we stopped asking; its lease would block it for long."""
        if not self._connection.project_id:
            return
        agent, project_id = self._agent, self._connection.project_id
        with contextlib.suppress(QueueError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                task = await self._connection.call(lambda api, token: api.held_task(token, agent, project_id))
                if task is not None:
                    await outcome.deliver(self._connection, task, outcome.STOPPED)

    async def _do(self, task: LeasedTask) -> None:
        began = time.monotonic()
        self._progress.started(self._agent, task)
        file = write_task(task, self._folder)
        try:
            fate, detail = await self._run_and_deliver(task, file)
        finally:
            file.unlink(missing_ok=True)
        seconds = time.monotonic() - began
        self._tally.add(fate, seconds)
        self._progress.ended(self._agent, task, fate, detail, seconds)

    async def _run_and_deliver(self, task: LeasedTask, file: Path) -> tuple[Fate, str]:
        keeper = asyncio.create_task(lease.keep(self._connection, task))
        try:
            result = await self._run(task, file, keeper)
        except lease.LeaseLost as lost:
            return Fate.LOST, str(lost)
        finally:
            # From here on the lease is not extended: the outcome is handed in, or the task becomes free again.
            keeper.cancel()
            await asyncio.wait({keeper})
        fate, reason = await self._deliver(task, result)
        return fate, reason or ("" if fate is Fate.COMPLETED else result.text)

    async def _run(self, task: LeasedTask, file: Path, keeper: asyncio.Task[None]) -> Outcome:
        """Run the command for as long as the lease and the shift last.

        Raises:
            LeaseLost: the lease ended first; nothing of the command runs any more.
        """
        try:
            run = await CommandRun.start(self._command, describe(task, self._agent, file, os.environ))
        except (OSError, ValueError) as error:
            return Outcome(Fate.FAILED, f"the command cannot be started: {error}")
        finish: asyncio.Task[Ending] = asyncio.create_task(run.finish(task.fields.instructions.encode()))
        abort = asyncio.create_task(self._shift.aborted.wait())
        try:
            await asyncio.wait({finish, keeper, abort}, return_when=asyncio.FIRST_COMPLETED)
            if finish.done():
                return outcome.judge(finish.result())
            if keeper.done():
                run.kill()
                await keeper
            await run.stop()
            return outcome.STOPPED
        finally:
            if not finish.done():
                run.kill()
            abort.cancel()
            await asyncio.wait({finish, abort})

    async def _deliver(self, task: LeasedTask, result: Outcome) -> tuple[Fate, str]:
        delivery = asyncio.create_task(outcome.deliver(self._connection, task, result))
        abort = asyncio.create_task(self._shift.aborted.wait())
        try:
            await asyncio.wait({delivery, abort}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({delivery}, timeout=_FAREWELL_SECONDS)
            if delivery.done():
                return delivery.result()
            return Fate.STOPPED, "the platform could not be told"
        finally:
            delivery.cancel()
            abort.cancel()
            await asyncio.wait({delivery, abort})
