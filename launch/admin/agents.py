"""`piecework admin agents`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from piecework.agents.v1 import identity_pb2 as identity

from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, Owner, call, wants_json
from launch.admin.output import moment, show_list, show_one

app = typer.Typer(help="Workers with a name and a key of their own.", no_args_is_help=True)
_NOTE = "The key is shown this once; only its hash is stored."


def _row(agent: identity.Agent, operator: str) -> dict[str, Any]:
    return {
        "id": agent.id,
        "uuid": agent.uuid,
        "name": agent.name,
        "operator": operator,
        "created_at": moment(agent.created_at),
    }


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name, unique within the operator.")],
    operator: Owner,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make an agent with its first key."""

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = identity.CreateAgentRequest(operator_id=owner.id, name=name)
        made = await platform.identities.CreateAgent(request, **platform.options)
        return {**_row(made.agent, owner.name), "key": made.secret}

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json), note=_NOTE)


@app.command("list")
def list_all(operator: Owner, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """List the agents of an operator."""

    async def work(platform: Administration) -> list[dict[str, Any]]:
        owner = await platform.operator(operator)
        request = identity.ListAgentsRequest(operator_id=owner.id)
        answer = await platform.identities.ListAgents(request, **platform.options)
        return [_row(agent, owner.name) for agent in answer.agents]

    show_list(call(data_dir, work), as_json=wants_json(as_json=as_json), nothing=f"{operator} has no agents.")


@app.command("rotate-key")
def rotate_key(
    agent_id: Annotated[int, typer.Argument(help="Id of the agent.")],
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a new key for an agent and end the old one."""

    async def work(platform: Administration) -> dict[str, Any]:
        request = identity.RotateAgentKeyRequest(agent_id=agent_id)
        answer = await platform.identities.RotateAgentKey(request, **platform.options)
        return {"id": agent_id, "key": answer.secret}

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json), note=_NOTE)
