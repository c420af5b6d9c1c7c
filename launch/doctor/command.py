"""`piecework doctor`: its options, and how the findings are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from kit.settings import Settings
from launch import places
from launch.configuration import configured
from launch.doctor import engines, machine, peers, place
from launch.doctor.finding import Finding, Verdict, problem
from launch.errors import CommandFailed
from launch.loop import run
from launch.running import find_running
from launch.terminal import out, say_json

_MARKS = {Verdict.OK: "[green]ok     [/]", Verdict.WARNING: "[yellow]warning[/]", Verdict.PROBLEM: "[red]problem[/]"}


def doctor(
    data_dir: Annotated[Path | None, typer.Option(help="Data directory to look at; .data by default.")] = None,
    host: Annotated[str | None, typer.Option(help="Address that the gateway would listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port that the gateway would take.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check what a platform needs here, and say what to do where something is missing. Status 1 tells of problems."""
    settings = configured()
    settings = settings.replace(host=host or settings.host, port=settings.port if port is None else port)
    findings = run(_examine(settings, places.DataDirectory(places.choose(data_dir))))
    healthy = all(finding.verdict is not Verdict.PROBLEM for finding in findings)
    if as_json:
        say_json({"healthy": healthy, "findings": findings})
    else:
        _show(findings)
    raise typer.Exit(0 if healthy else 1)


async def _examine(settings: Settings, directory: places.DataDirectory) -> list[Finding]:
    try:
        running, unread = find_running(directory), None
    except CommandFailed as error:
        running, unread = None, problem("Platform", error.message, error.advice)
    return [
        machine.python(),
        machine.clock(),
        machine.disk(directory.path),
        machine.memory(),
        place.data_directory(directory, running),
        place.port(settings.host, settings.port, running),
        await engines.mongodb(settings.mongodb_uri),
        await engines.valkey(settings.redis_url),
        *([unread] if unread else await peers.platform(running)),
        *await peers.services(settings),
    ]


def _show(findings: Sequence[Finding]) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        out.print(f"{_MARKS[finding.verdict]} {finding.check:<{width}}  {escape(finding.detail)}")
        for line in finding.advice.splitlines():
            out.print(f"{'':{width + 10}}[dim]{escape(line)}[/]")
