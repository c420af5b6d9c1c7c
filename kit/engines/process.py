"""One child process: started, watched, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from kit.engines.errors import EngineError
from kit.engines.logs import readable_tail

_TETHER = Path(__file__).with_name("tether.py")
_POLL_SECONDS = 0.01


class EngineProcess:
    """A program that runs as a child and ends with this process, whatever ends this process.

    Args:
        name: what messages call it.
        log: the file that takes its output; appended to, begun anew at `max_log_bytes`.
        max_log_bytes: the size at which a start begins the log anew.
    """

    def __init__(self, name: str, log: Path, *, max_log_bytes: int = 16 * 1024 * 1024) -> None:
        self.name = name
        self.log = log
        self._max_log_bytes = max_log_bytes
        self._log_start = 0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The id of the running process, None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def exit_status(self) -> int | None:
        """The status it ended with (negative: the signal), None while it runs."""
        return self._process.returncode if self._process is not None else None

    @property
    def stopping(self) -> bool:
        """Whether its end is wanted."""
        return self._stopping

    async def spawn(self, command: Sequence[str]) -> None:
        """Start `command`; its output goes to the log.

        Raises:
            EngineError: the operating system refused.
        """
        self._stopping = False
        if not os.access(command[0], os.X_OK):
            raise EngineError(f"{self.name} cannot be started: {command[0]} is not a program")
        if self.log.exists() and self.log.stat().st_size > self._max_log_bytes:
            self.log.unlink()
        try:
            with self.log.open("ab") as output:
                self._log_start = output.tell()
                # A session of its own: Ctrl-C in a terminal must reach this process alone, which ends the engines last.
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineError(f"{self.name} cannot be started: {error}") from error

    async def until(self, ready: Callable[[], Awaitable[bool]], limit_seconds: float) -> None:
        """Wait until `ready` says so.

        Raises:
            EngineError: the process ended before, or the limit has passed; the message ends with the log's last lines.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_seconds
        while not await ready():
            if not self.running:
                raise EngineError(self.describe_end())
            if loop.time() > deadline:
                raise EngineError(f"{self.name} was not ready within {limit_seconds:.0f} s{self.log_tail()}")
            await asyncio.sleep(_POLL_SECONDS)

    async def wait(self) -> int:
        """Wait until the process has ended and return its status."""
        if self._process is None:
            return 0
        return await self._process.wait()

    async def stop(self, limit_seconds: float) -> None:
        """End the process with SIGTERM, and with SIGKILL when it still runs after `limit_seconds`."""
        self._stopping = True
        if self._process is None:
            return
        if self.running:
            self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), limit_seconds)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    async def kill(self) -> None:
        """End the process with SIGKILL, as a crash would, and wait for its end."""
        self._signal(signal.SIGKILL)
        await self.wait()

    def describe_end(self) -> str:
        """Return how the process ended; unless it was killed, with the lines of its log that tell why."""
        if "No space left on device" in self.log_text():
            return f"{self.name} ended: the disk of {self.log.parent} is full; make room and start again"
        status = self.exit_status
        if status is not None and status < 0:
            return f"{self.name} was ended by {signal.Signals(-status).name}"
        return f"{self.name} ended with status {status}{self.log_tail()}"

    def log_text(self) -> str:
        """Return what the log has got since the last start."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                return log.read(self._max_log_bytes).decode(errors="replace")
        except OSError:
            return ""

    def log_tail(self) -> str:
        """Return the most telling lines of the log, ready to be appended to a message."""
        lines = readable_tail(self.log_text())
        return "".join(f"\n  | {line}" for line in [f"from {self.log}:", *lines])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)
