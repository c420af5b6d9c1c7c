"""`piecework up`: its options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from launch import places
from launch.configuration import configured


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


def up(
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data, credentials and logs are kept; .data by default.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1 by default.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the gateway; 8080 by default, 0 takes any.")
    ] = None,
    *,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep data in memory; gone at the end.")] = False,
    rate_limits: Annotated[
        Switch | None, typer.Option(help="Whether the rate of requests is limited; on by default.")
    ] = None,
) -> None:
    """Run the whole platform here: engines, services and gateway, with accounts and a project to begin with."""
    from launch.loop import run
    from launch.up.installation import Installation
    from launch.up.options import UpOptions

    settings = configured()
    settings = settings.replace(
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        rate_limits=settings.rate_limits if rate_limits is None else rate_limits is Switch.ON,
    )
    directory = None if ephemeral and data_dir is None else places.choose(data_dir)
    run(Installation(UpOptions(settings, directory, ephemeral)).run())
