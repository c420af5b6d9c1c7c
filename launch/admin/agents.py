"""`piecework admin agents`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1 import registry_pb2 as registry

from launch.admin.connection import Administration
from launch.admin.options import AsJson, DataDir, Owner, call, wants_json
from launch.admin.output import moment, show_list, show_one
from launch.names import AGENT_RULE, agent_name, number

app = typer.Typer(help="Workers with a name and a key of their own.", no_args_is_help=True)
_NOTE = "The key is shown this once; only its hash is stored."
AgentId = Annotated[int, typer.Argument(parser=number, metavar="ID", help="Id of the agent.")]


def _row(agent: identity.Agent, operator: str) -> dict[str, Any]:
    return {
        "id": agent.id,
        "uuid": agent.uuid,
        "name": agent.name,
        "operator": operator,
        "status": _status(agent.status),
        "created_at": moment(agent.created_at),
    }


def _profile_row(profile: registry.Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "name": profile.name,
        "operator": profile.operator.name,
        "status": _status(profile.status),
        "created_at": moment(profile.created_at),
    }


def _status(status: registry.AgentStatus.ValueType) -> str:
    return registry.AgentStatus.Name(status).removeprefix("AGENT_STATUS_").lower()


@app.command("create")
def create(
    name: Annotated[
        str, typer.Argument(parser=agent_name, metavar="NAME", help=f"{AGENT_RULE}; unique within the operator.")
    ],
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
    agent_id: AgentId,
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


@app.command("claim")
def claim(
    code: Annotated[str, typer.Option("--code", help="Verification code that the agent got when it registered.")],
    operator: Owner,
    data_dir: DataDir = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give an agent that registered by itself to an operator."""

    async def work(platform: Administration) -> dict[str, Any]:
        owner = await platform.operator(operator)
        request = registry.ClaimAgentRequest(verification_code=code, operator_id=owner.id)
        return _profile_row((await platform.registry.ClaimAgent(request, **platform.options)).profile)

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))


@app.command("pause")
def pause(agent_id: AgentId, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Keep an agent from acting for a while, at once."""
    _set_status(agent_id, registry.AGENT_STATUS_PAUSED, data_dir, as_json=as_json)


@app.command("suspend")
def suspend(agent_id: AgentId, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Keep an agent from acting until the platform allows it again, at once."""
    _set_status(agent_id, registry.AGENT_STATUS_SUSPENDED, data_dir, as_json=as_json)


@app.command("activate")
def activate(agent_id: AgentId, data_dir: DataDir = None, *, as_json: AsJson = False) -> None:
    """Let an agent act again."""
    _set_status(agent_id, registry.AGENT_STATUS_ACTIVE, data_dir, as_json=as_json)


def _set_status(agent_id: int, status: registry.AgentStatus.ValueType, data_dir: Path | None, *, as_json: bool) -> None:
    async def work(platform: Administration) -> dict[str, Any]:
        request = registry.SetAgentStatusRequest(agent_id=agent_id, status=status)
        return _profile_row((await platform.registry.SetAgentStatus(request, **platform.options)).profile)

    show_one(call(data_dir, work), as_json=wants_json(as_json=as_json))
