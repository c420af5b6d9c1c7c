"""`piecework demo`: four workers count words, two agents compete for a task in the market, several answer a prompt."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from launch import places
from launch.credentials import Credentials
from launch.demo import files, market, programs, prompt
from launch.demo.poster import TYPE, Poster
from launch.demo.verdict import Verdict
from launch.errors import CommandFailed
from launch.loop import run
from launch.signals import StopSignals
from launch.terminal import out

_COMMAND = ("wc", "-w")


def demo(
    repository: Annotated[Path, typer.Option(help="Directory whose files are counted.")] = Path(),
    tasks: Annotated[int, typer.Option(min=1, help="How many files.")] = 200,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many workers.")] = 4,
    *,
    mock: Annotated[
        bool, typer.Option("--mock", help="Ask the mock model also where a local one is installed.")
    ] = False,
) -> None:
    """Show it all: drain the files of this directory with `wc -w`, play a round of the market, ask several agents."""
    run(_unless_stopped(_show(repository.absolute(), tasks, workers, mock=mock)))


async def _unless_stopped(show: Coroutine[Any, Any, None]) -> None:
    """Show it; a signal ends the programs that it runs before it ends itself.

    Raises:
        CommandFailed: a signal came.
    """
    signals = StopSignals()
    showing, asked = asyncio.create_task(show), asyncio.create_task(signals.asked.wait())
    await asyncio.wait({showing, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not showing.done():
        showing.cancel()
        await asyncio.wait({showing})
        raise CommandFailed("stopped", status=130)
    asked.cancel()
    await showing


async def _show(repository: Path, count: int, workers: int, *, mock: bool) -> None:
    texts = files.choose(repository, count)
    expected = files.count_words(repository, list(texts))
    with tempfile.TemporaryDirectory(prefix="piecework-demo-") as folder:
        data_dir = Path(folder) / "platform"
        _step("a platform of our own, in memory: MongoDB, Valkey, all services, the gateway")
        async with programs.platform(data_dir) as gateway:
            credentials = places.read(places.DataDirectory(data_dir).credentials, Credentials)
            assert credentials is not None
            headers = {"Authorization": f"Bearer {credentials.operators[0].key}"}
            async with aiohttp.ClientSession(gateway, headers=headers) as http:
                poster = Poster(http, credentials.project.id)
                made = await poster.post(texts)
                _step(f"{made} files of {repository.name} are now tasks of the type {TYPE}")
                _step(f"piecework worker --concurrency {workers} --until-empty -- {' '.join(_COMMAND)}")
                began = time.monotonic()
                quiet = not out.is_terminal
                await programs.worker(data_dir, credentials.project.name, _COMMAND, workers=workers, quiet=quiet)
                seconds = time.monotonic() - began
                results = await poster.results()
            _step(f"all of them drained in {seconds:.1f} s")
            verdict = Verdict(results, expected)
            verdict.print()
            verdict.check()
            await market.show(data_dir, credentials)
            await prompt.show(data_dir, mock=mock)


def _step(text: str) -> None:
    out.print(f"[cyan]»[/] {text}")
