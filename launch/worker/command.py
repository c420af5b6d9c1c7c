"""`piecework worker`: its options."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from launch import names, places
from launch.credentials import Credentials
from launch.errors import CommandFailed
from launch.loop import run
from launch.reach import gateway_address, usable_key
from launch.signals import StopSignals
from launch.terminal import out, say
from launch.worker.crew import Crew
from launch.worker.environment import KEY_VARIABLE, URL_VARIABLE
from launch.worker.lines import ProgressLines
from launch.worker.options import WorkerOptions
from launch.worker.outcome import Fate
from launch.worker.panel import ProgressPanel
from launch.worker.progress import Tally


def worker(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run for each task.")],
    project: Annotated[str, typer.Option(help="Id of the project; its name will do where a key is known.")],
    agent: Annotated[str, typer.Option(help="Name of the worker; with --concurrency -1, -2 … are added.")],
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="How many tasks to work on at a time.")] = 1,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of a `piecework up`: its address and key.")] = None,
    url: Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="Address of the gateway.")] = None,
    key: Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="Key of the project's operator.")] = None,
    *,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when no task is left, with status 1 if one failed for good.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what goes wrong, and the summary.")] = False,
    grace: Annotated[float, typer.Option(min=0, help="Seconds that running commands get after SIGTERM.")] = 30.0,
) -> None:
    """Lease tasks of a project and run a command for each.

    The command gets the instructions on standard input, PIECEWORK_TASK_ID, PIECEWORK_TASK (a file with the whole task
    as JSON) and each variable as PIECEWORK_VAR_<NAME>. Status 0 completes the task with what it printed; any other
    fails it with the end of its standard error, and the task is tried again. The lease is extended while the command
    runs; when it is lost all the same, the command is killed.

    With --until-empty the worker's own status is 1 when a task failed for good in its hands; tasks that went well when
    they were tried again do not count.
    """
    gateway, secret = _platform(url, key, data_dir, project)
    options = WorkerOptions(
        url=gateway,
        key=secret,
        project=project,
        agent=agent,
        concurrency=concurrency,
        command=command,
        until_empty=until_empty,
        grace_seconds=grace,
    )
    _check(options)
    run(_work(options, quiet=quiet))


async def _work(options: WorkerOptions, *, quiet: bool) -> None:
    """Work to the end, and tell what became of it.

    Raises:
        CommandFailed: the platform does not let this worker in, or a task of a queue that was to be emptied failed.
    """
    tally = Tally()
    plain = quiet or not out.is_terminal
    progress = ProgressLines(quiet=quiet) if plain else ProgressPanel(out, options.agent_names, tally)
    try:
        await Crew(options, progress, tally).work(StopSignals())
    except CommandFailed:
        if tally.counts:  # who was not let in has nothing to count
            say(f"piecework worker {options.agent}: {tally}")
        raise
    say(f"piecework worker {options.agent}: {tally}")
    if options.until_empty and (failed := tally.counts[Fate.FAILED]):
        raise CommandFailed(f"{failed} task{'s' if failed > 1 else ''} failed")


def _platform(url: str | None, key: str | None, data_dir: Path | None, project: str) -> tuple[str, str]:
    """Return the address and the key: those that were given, the rest from a data directory.

    Raises:
        CommandFailed: there is no address, or none that can be used.
    """
    key = usable_key(key or "")
    if url and data_dir is None:
        return gateway_address(url), key
    folder = places.DataDirectory(places.choose(data_dir))
    found = places.read(folder.credentials, Credentials)
    if found is None:
        raise CommandFailed(
            f"no platform to work for: {folder.credentials} does not exist",
            "Start one with `piecework up`, or name one with --url and --key.",
        )
    return gateway_address(url or found.gateway), key or found.key_for(project)


def _check(options: WorkerOptions) -> None:
    """Find out before the first task what would make them all fail.

    Raises:
        CommandFailed: something would.
    """
    if not options.project.strip():
        raise CommandFailed("the name of the project is empty", "`piecework admin projects list` shows them all.")
    for name in options.agent_names:
        if not names.AGENT.fullmatch(name):
            raise CommandFailed(f"{name!r} cannot be a worker's name", f"Use {names.AGENT_RULE}.")
    if shutil.which(options.command[0]) is None:
        raise CommandFailed(f"{options.command[0]} is not a program that can be run")
