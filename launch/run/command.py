"""`piecework run`: its options, and what its exit status says."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from launch import places
from launch.credentials import Credentials
from launch.errors import CommandFailed
from launch.loop import run
from launch.reach import gateway_address, usable_key
from launch.run.api import RunsApi
from launch.run.follow import follow
from launch.run.options import RunOptions
from launch.run.view import Lines, Panel, View
from launch.signals import StopSignals
from launch.terminal import err, say
from launch.worker.environment import KEY_VARIABLE, URL_VARIABLE

_CANCELED_STATUS = 130


def run_prompt(
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    model: Annotated[str | None, typer.Option(help="Id of the model; see GET /api/v1/models.")] = None,
    agents: Annotated[int | None, typer.Option(min=1, max=16, help="How many agents.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Credits that it may spend.")] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="A text, CSV, JSON, PDF or image for the agents, at most 10 MiB; may be repeated."),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of a `piecework up`: its address and key.")] = None,
    url: Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="Address of the gateway.")] = None,
    key: Annotated[str | None, typer.Option(envvar=KEY_VARIABLE, help="Key of an operator.")] = None,
    *,
    mock: Annotated[bool, typer.Option("--mock", help="Let the built-in mock model answer, at no cost.")] = False,
) -> None:
    """Ask several agents at once, watch them work, and print their answer on standard output.

    Status 0: it completed. 1: it failed, or was refused. 130: it was canceled; Ctrl-C cancels it.
    """
    if mock and model:
        raise CommandFailed("--mock and --model exclude each other", status=2)
    gateway, secret = _platform(url, key, data_dir)
    text = _text(prompt)
    if not text.strip():
        raise CommandFailed("the prompt is empty", status=2)
    run(_ask(RunOptions(gateway, secret, text, model, agents, budget, tuple(file or ()), mock)))


async def _ask(options: RunOptions) -> None:
    signals = StopSignals()
    async with aiohttp.ClientSession(options.url) as http:
        api = RunsApi(http, options.key)
        file_ids = [await api.upload(path) for path in options.files]
        task_id = await api.start(options, file_ids)
        view: View = Panel(err) if err.is_terminal else Lines(err)
        try:
            following = asyncio.create_task(follow(api, task_id, view))
            asked = asyncio.create_task(signals.asked.wait())
            await asyncio.wait({following, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                view.note("canceling")
                await api.cancel(task_id)
                await asyncio.wait(
                    {following, asyncio.create_task(signals.pressed.wait())}, return_when="FIRST_COMPLETED"
                )
            if not following.done():
                following.cancel()
                raise CommandFailed("stopped", status=_CANCELED_STATUS)
            asked.cancel()
            state = await following
        finally:
            view.close()
    _tell(state, options.agents or 0)


def _tell(state: dict[str, Any], wanted: int) -> None:
    """Print the answer, and on standard error what it took.

    Raises:
        CommandFailed: there is none.
    """
    agents = len(state.get("agentStatuses", ()))
    if 0 < agents < wanted:
        err.print(f"{wanted} agents were asked for, and the plan allows {agents}", style="yellow")
    for warning in _warnings(state):
        err.print(warning, style="yellow", markup=False)
    spent = state.get("budgetUsage", {}).get("consumedCredits", 0)
    seconds = max(0, state.get("updatedAt", 0) - state.get("started", 0))
    took = f"{_counted(agents, 'agent')}, {_counted(spent, 'credit')}, {seconds} s, {state['taskId']}"
    if state["status"] == "completed":
        say(state["result"])
        err.print(took, style="dim", markup=False)
        return
    canceled = state["status"] == "canceled"
    reason = state.get("error") or "it did not complete"
    raise CommandFailed(reason, took, status=_CANCELED_STATUS if canceled else 1)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _text(prompt: str) -> str:
    """Return the prompt itself.

    Raises:
        CommandFailed: what was given is not text.
    """
    given = typer.get_binary_stream("stdin").read() if prompt == "-" else os.fsencode(prompt)
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        raise CommandFailed("the prompt is not text in UTF-8", status=2) from error


def _warnings(state: dict[str, Any]) -> list[str]:
    """Return the warnings about the run as a whole: an agent's failure, which is one too, was told when it happened."""
    agents = state.get("agentStatuses", ())
    told = tuple(f"{agent.get('role')} {agent['agent_id'] + 1} failed: " for agent in agents if agent.get("error"))
    return [warning for warning in state.get("warnings", ()) if not warning.startswith(told)]


def _platform(url: str | None, key: str | None, data_dir: Path | None) -> tuple[str, str]:
    """Return the address and the key: those that were given, the rest from a data directory.

    Raises:
        CommandFailed: there is no address, or none that can be used.
    """
    address, key = gateway_address(url) if url else "", usable_key(key or "")
    if address and data_dir is None and key:
        return address, key
    folder = places.DataDirectory(places.choose(data_dir))
    found = places.read(folder.credentials, Credentials)
    if found is None:
        if address:
            return address, key
        raise CommandFailed(
            f"no platform to run on: {folder.credentials} does not exist",
            "Start one with `piecework up`, or name its --data-dir, or its --url and --key.",
        )
    # The key of that platform is nobody else's business.
    its_own = gateway_address(found.gateway)
    own = found.operators[0].key if address in ("", its_own) else ""
    return address or its_own, key or own
