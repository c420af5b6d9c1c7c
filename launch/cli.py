"""The command line: every command of `piecework`, and what happens when one fails."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module, metadata
from typing import Annotated

import typer

from launch.errors import CommandFailed
from launch.terminal import complain, say

_COMMANDS = {
    "up": "launch.up.command:up",
    "serve": "launch.serve:serve",
    "worker": "launch.worker.command:worker",
    "admin": "launch.admin.group:app",
    "doctor": "launch.doctor.command:doctor",
    "mock": "launch.mock.command:mock",
    "run": "launch.run.command:run_prompt",
    "demo": "launch.demo.command:demo",
}


def build(names: Iterable[str]) -> typer.Typer:
    """Return the application with these commands."""
    app = typer.Typer(
        name="piecework",
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    # With a callback, a lone command stays a command and does not become the program.
    @app.callback(no_args_is_help=True)
    def piecework(
        *,
        _version: Annotated[
            bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
        ] = False,
    ) -> None:
        """Give work to AI agents and get it back done."""

    for name in names:
        module, attribute = _COMMANDS[name].split(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _show_version(*, wanted: bool) -> None:
    if wanted:
        say(f"piecework {metadata.version('piecework')}")
        raise typer.Exit


def main() -> None:
    """Run the command that the arguments name."""
    # Only what is needed is imported: a worker should not wait for the database driver of the server.
    named = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    try:
        build([named] if named in _COMMANDS else _COMMANDS)(prog_name="piecework")
    except KeyboardInterrupt:
        sys.exit(130)
    except CommandFailed as error:
        complain(error)
        sys.exit(error.status)
