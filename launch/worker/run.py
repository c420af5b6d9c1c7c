"""One run of the worker's command, in a process group of its own so that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_OUTPUT_BYTES = 1024 * 1024
ERROR_TAIL_BYTES = 4096
_CHUNK_BYTES = 64 * 1024
# How long a command's descendants may keep its pipes open after it has ended.
_LINGER_SECONDS = 2.0
_TERMINATION_SECONDS = 5.0


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes:
        status: the exit status; minus the signal's number when a signal ended it.
        output: what it wrote to its standard output, without what came after `MAX_OUTPUT_BYTES`.
        error_tail: the last `ERROR_TAIL_BYTES` of its standard error.
        overflowed: whether its output was longer than `MAX_OUTPUT_BYTES`, for which it was killed.
    """

    status: int
    output: bytes
    error_tail: bytes
    overflowed: bool

    def describe_status(self) -> str:
        """Return the status in words."""
        if self.status >= 0:
            return f"exit status {self.status}"
        try:
            return f"killed by {signal.Signals(-self.status).name}"
        except ValueError:
            return f"killed by signal {-self.status}"


class CommandRun:
    """A command that runs.

    Args:
        process: the leader of its own process group, with pipes for all three streams.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._output = bytearray()
        self._tail = bytearray()
        self._overflowed = False

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> CommandRun:
        """Start `command` without a shell.

        Raises:
            OSError: it cannot be started.
            ValueError: an argument or a variable contains a null character.
        """
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=dict(environment), start_new_session=True
        )
        return cls(process)

    async def finish(self, text: bytes) -> Ending:
        """Write `text` to its standard input, and wait until it has ended."""
        streams = asyncio.gather(self._feed(text), self._collect(), self._follow())
        try:
            status = await self._process.wait()
            await asyncio.wait({streams}, timeout=_LINGER_SECONDS)
            if not streams.done():
                self.kill()
                await asyncio.wait({streams}, timeout=_LINGER_SECONDS)
            # Whoever still holds a pipe has left the group on purpose: a daemon, which is none of our business.
            if streams.done():
                streams.result()
        finally:
            streams.cancel()
        return Ending(status, bytes(self._output), bytes(self._tail), self._overflowed)

    async def stop(self) -> None:
        """Ask the group to end with SIGTERM; after five seconds it is killed."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TERMINATION_SECONDS):
                await self._process.wait()
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """End the whole group now."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # nobody is left in the group
            os.killpg(self._process.pid, number)

    async def _feed(self, text: bytes) -> None:
        stream = self._process.stdin
        assert stream is not None
        # A command need not read its input. uvloop has an error of its own for a pipe whose other end is gone.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
            stream.write(text)
            await stream.drain()
            stream.close()
            await stream.wait_closed()

    async def _collect(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while chunk := await stream.read(_CHUNK_BYTES):
            self._output += chunk
            if len(self._output) > MAX_OUTPUT_BYTES:
                self._overflowed = True
                del self._output[MAX_OUTPUT_BYTES:]
                self.kill()

    async def _follow(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        while chunk := await stream.read(_CHUNK_BYTES):
            self._tail += chunk
            del self._tail[:-ERROR_TAIL_BYTES]
