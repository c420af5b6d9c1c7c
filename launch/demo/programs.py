"""The programs that the demonstration runs: a platform of its own, a worker, and the administration."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from launch.errors import CommandFailed

_READY = re.compile(r"piecework ready: (\S+)")
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


@asynccontextmanager
async def platform(data_dir: Path) -> AsyncIterator[str]:
    """Run an ephemeral platform without rate limits, whose credentials are in `data_dir`; give its address.

    Raises:
        CommandFailed: it does not start.
    """
    command = _piecework("up", "--ephemeral", "--port", "0", "--rate-limits", "off", "--data-dir", str(data_dir))
    # A session of its own: on Ctrl-C it is we who end it, when the worker has ended.
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        yield await _address(process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()


async def worker(data_dir: Path, project: str, command: Sequence[str], *, workers: int, quiet: bool) -> None:
    """Run a worker until the queue is empty.

    Raises:
        CommandFailed: it failed.
    """
    options = ["--data-dir", str(data_dir), "--project", project, "--agent", "counter"]
    arguments = [*options, "--concurrency", str(workers), "--until-empty", *(["--quiet"] if quiet else [])]
    process = await asyncio.create_subprocess_exec(*_piecework("worker", *arguments, "--", *command))
    try:
        if status := await process.wait():
            raise CommandFailed(f"the worker ended with status {status}")
    finally:
        for _ in range(2):  # the second signal ends it at once
            with suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


async def ask(data_dir: Path, prompt: str, *arguments: str, limit_seconds: float = 60.0) -> bool:
    """Run a prompt, and tell whether it completed in time; a run that does not is canceled.

    Raises:
        CommandFailed: it failed.
    """
    command = _piecework("run", prompt, "--data-dir", str(data_dir), *arguments)
    process = await asyncio.create_subprocess_exec(*command)
    in_time = True
    try:
        try:
            async with asyncio.timeout(limit_seconds):
                await process.wait()
        except TimeoutError:
            in_time = False
            process.terminate()
        status = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    if status and in_time:
        raise CommandFailed(f"the run ended with status {status}")
    return in_time and not status


async def administer(data_dir: Path, *arguments: str) -> Any:
    """Run `piecework admin` and return what it prints.

    Raises:
        CommandFailed: it failed.
    """
    command = _piecework("admin", *arguments, "--data-dir", str(data_dir), "--json")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, complaint = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
    if process.returncode:
        raise CommandFailed(f"piecework admin {' '.join(arguments)}: {complaint.decode(errors='replace').strip()}")
    return msgspec.json.decode(output)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            while line := await process.stdout.readline():
                if found := _READY.match(line.decode()):
                    return found[1]
            reason = (await process.stderr.read()).decode(errors="replace").strip()
            raise CommandFailed(f"the platform did not start: {reason}", "Try piecework doctor.")
    raise CommandFailed(f"the platform did not start within {_START_SECONDS:.0f} s", "Try piecework doctor.")


def _piecework(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "launch", *arguments]
