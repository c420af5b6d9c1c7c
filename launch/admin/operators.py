"""`piecework admin operators`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from piecework.agents.v1 import identity_pb2 as identity

from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, call, wants_json
from launch.admin.output import moment, show_list, show_one
from launch.names import OPERATOR_RULE, operator_name

app = typer.Typer(help="Accounts: people or organisations.", no_args_is_help=True)


def _row(operator: identity.Operator) -> dict[str, Any]:
    return {"id": operator.id, "name": operator.name, "created_at": moment(operator.created_at)}


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(parser=operator_name, metavar="NAME", help=f"{OPERATOR_RULE}; nobody else's.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make an operator."""

    async def work(platform: Administration) -> identity.Operator:
        request = identity.CreateOperatorRequest(name=name)
        return (await platform.identities.CreateOperator(request, **platform.options)).operator

    operator = call(data_dir, work)
    note = f"It has no key yet: piecework admin keys create --operator {operator.name}"
    show_one(_row(operator), as_json=wants_json(as_json=as_json), note=note)


@app.command("list")
def list_all(data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List all operators."""
    operators = call(data_dir, Administration.operators)
    rows = [_row(operator) for operator in operators]
    show_list(rows, as_json=wants_json(as_json=as_json), nothing="There are no operators.")
