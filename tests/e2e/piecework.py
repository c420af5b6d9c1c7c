"""Runs the `piecework` command as a user does: as a process, with signals, files and exit statuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

READY = re.compile(r"piecework ready: (\S+)")
REPOSITORY = Path(__file__).parents[2]
LIMIT_SECONDS = 60.0
_TETHER = REPOSITORY / "kit" / "engines" / "tether.py"

_spawned: list[Process] = []


class Finished(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of this process without anybody's settings for Piecework."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PIECEWORK_")}
    return {**own, "COLUMNS": "200", **extra}


async def spawn(*arguments: str | Path, **extra: str) -> Process:
    """Start `piecework` with these arguments and environment variables; it does not outlive this process."""
    tie = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())]
    command = [*tie, sys.executable, "-m", "launch", *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, env=environment(**extra), stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    _spawned.append(process)
    return process


async def end_all() -> None:
    """End what a test that failed left behind."""
    for process in _spawned:
        if process.returncode is None:
            process.terminate()
            await finish(process)


async def run(*arguments: str | Path, **extra: str) -> Finished:
    """Run `piecework` to its end."""
    return await finish(await spawn(*arguments, **extra))


async def finish(process: Process) -> Finished:
    """Wait for the end of a command."""
    async with asyncio.timeout(LIMIT_SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


async def until(condition: Callable[[], Any], what: str, limit_seconds: float = LIMIT_SECONDS) -> Any:
    """Wait until `condition` gives something that is true, and return that."""
    deadline = time.monotonic() + limit_seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {limit_seconds} s"
        await asyncio.sleep(0.005)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found[1:]


class Up:
    """A running `piecework up`.

    Args:
        process: the process, which has said that it is ready.
        data_dir: its data directory.
        gateway: its address.
    """

    def __init__(self, process: Process, data_dir: Path, gateway: str) -> None:
        self.process = process
        self.data_dir = data_dir
        self.gateway = gateway

    @classmethod
    async def start(cls, data_dir: Path, *arguments: str, port: int = 0, **extra: str) -> Up:
        """Start one and wait until it is ready."""
        process = await spawn("up", "--data-dir", data_dir, "--port", str(port), *arguments, **extra)
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            while line := await process.stdout.readline():
                if found := READY.match(line.decode()):
                    return cls(process, data_dir, found[1])
        raise AssertionError((await finish(process)).err)

    @property
    def credentials(self) -> dict[str, Any]:
        """The content of `credentials.json`."""
        return dict(json.loads((self.data_dir / "credentials.json").read_text()))

    @property
    def key(self) -> str:
        """The key of the project's owner."""
        return str(self.credentials["operators"][0]["key"])

    @property
    def project_id(self) -> str:
        """The id of the project."""
        return str(self.credentials["project"]["id"])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> Finished:
        """End it with a signal."""
        self.process.send_signal(number)
        return await finish(self.process)

    async def crash(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        await finish(self.process)
