"""`piecework admin keys`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from piecework.agents.v1 import identity_pb2 as identity

from kit.caller import ADMIN, OPERATOR_SCOPES
from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, Owner, call, wants_json
from launch.admin.output import moment, show_list, show_one

app = typer.Typer(help="Keys of operators.", no_args_is_help=True)
_SCOPES = (*OPERATOR_SCOPES, ADMIN)


def _row(key: identity.OperatorKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "operator_id": key.operator_id,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "created_at": moment(key.created_at),
        "revoked_at": moment(key.revoked_at),
    }


@app.command("create")
def create(
    operator: Owner,
    scope: Annotated[
        list[str] | None, typer.Option(help=f"What it allows: {', '.join(_SCOPES)}; all but admin when not given.")
    ] = None,
    data_dir: DataDir = None,
    *,
    test: Annotated[bool, typer.Option("--test", help="Make a test key.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key for an operator."""

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = identity.CreateOperatorKeyRequest(operator_id=owner.id, scopes=scope or [], test=test)
        made = await platform.identities.CreateOperatorKey(request, **platform.options)
        return {"id": made.key.id, "operator_id": owner.id, "scopes": list(made.key.scopes), "key": made.secret}

    note = "The key is shown this once; only its hash is stored."
    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json), note=note)


@app.command("list")
def list_all(operator: Owner, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the keys of an operator, newest first, without their secrets."""

    async def work(platform: Administration) -> list[dict[str, Any]]:
        owner = await platform.operator(operator)
        request = identity.ListOperatorKeysRequest(operator_id=owner.id)
        answer = await platform.identities.ListOperatorKeys(request, **platform.options)
        return [_row(key) for key in answer.keys]

    show_list(call(data_dir, work), as_json=wants_json(as_json=as_json), nothing=f"{operator} has no keys.")


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")], data_dir: DataDir = None, *, as_json: AsJson = False
) -> None:
    """End a key, at once."""

    async def work(platform: Administration) -> dict[str, Any]:
        request = identity.RevokeOperatorKeyRequest(key_id=key_id)
        return _row((await platform.identities.RevokeOperatorKey(request, **platform.options)).key)

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))
