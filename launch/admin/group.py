"""The commands of the administration."""

from __future__ import annotations

import typer

from launch.admin import agents, disputes, keys, operators, plans, projects
from launch.admin import credits as credit_commands
from launch.admin.options import remember

app = typer.Typer(no_args_is_help=True, callback=remember)
app.add_typer(operators.app, name="operators")
app.add_typer(agents.app, name="agents")
app.add_typer(credit_commands.app, name="credits")
app.add_typer(keys.app, name="keys")
app.add_typer(plans.app, name="plans")
app.add_typer(projects.app, name="projects")
app.add_typer(disputes.app, name="dispute")
