"""All slots of one worker process, from the first sign-in to the summary."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import aiohttp

from launch.errors import CommandFailed
from launch.signals import StopSignals
from launch.worker.api import QueueApi
from launch.worker.connection import Connection
from launch.worker.errors import QueueError, Refused
from launch.worker.options import WorkerOptions
from launch.worker.progress import Progress, Tally
from launch.worker.shift import Shift
from launch.worker.slot import Slot


class Crew:
    """Runs the slots.

    Args:
        options: what the worker was asked to do.
        progress: is told what happens.
        tally: counts it.
    """

    def __init__(self, options: WorkerOptions, progress: Progress, tally: Tally) -> None:
        self._options = options
        self._progress = progress
        self._tally = tally
        self._shift = Shift(options.wait_seconds, until_empty=options.until_empty)
        self._problem: CommandFailed | None = None

    async def work(self, signals: StopSignals) -> None:
        """Work until a signal comes or, if that was asked for, the queue is empty.

        Raises:
            CommandFailed: the platform does not let this worker in.
        """
        watch = asyncio.create_task(self._watch(signals))
        connector = aiohttp.TCPConnector(limit=0)
        try:
            with tempfile.TemporaryDirectory(prefix="piecework-worker-") as folder:
                async with aiohttp.ClientSession(self._options.url, connector=connector) as http:
                    api = QueueApi(http, self._options.key)
                    await asyncio.gather(*(self._man(api, name, Path(folder)) for name in self._options.agent_names))
        finally:
            watch.cancel()
            self._progress.close()
        if self._problem is not None:
            raise self._problem

    async def _man(self, api: QueueApi, name: str, folder: Path) -> None:
        connection = Connection(api, name, self._options.project, self._speaker(name))
        slot = Slot(connection, self._options.command, folder, self._shift, self._progress, self._tally)
        try:
            await slot.work()
        except QueueError as problem:
            # The others end what they have begun.
            advice = problem.advice if isinstance(problem, Refused) else ""
            self._problem = self._problem or CommandFailed(f"the worker cannot go on: {problem}", advice)
            self._shift.ending.set()

    def _speaker(self, name: str) -> Callable[[str], None]:
        return lambda message: self._progress.note(name, message)

    async def _watch(self, signals: StopSignals) -> None:
        await signals.asked.wait()
        self._shift.ending.set()
        grace = self._options.grace_seconds
        self._progress.note("", f"stopping; running commands have {grace:.0f} s (a second signal ends them at once)")
        try:
            async with asyncio.timeout(grace):
                await signals.pressed.wait()
        except TimeoutError:
            self._progress.note("", "the time is over; ending the running commands")
        self._shift.aborted.set()
