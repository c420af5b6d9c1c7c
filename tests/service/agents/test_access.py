"""Who may do what to operators, agents and keys; nobody reaches across operators."""

from __future__ import annotations

from typing import Any

import pytest
from piecework.agents.v1 import identity_pb2 as pb

from kit.caller import ANONYMOUS, OPERATOR_SCOPES, Caller
from kit.errors import DomainError, NotFound, PermissionDenied, Unauthenticated
from kit.ids import new_id

PROJECT = new_id()


def _managing_calls(agents: Any, *, operator_id: int, key_id: str, agent_id: int) -> list[tuple[Any, Any]]:
    identity = agents.identity
    return [
        (identity.CreateOperatorKey, pb.CreateOperatorKeyRequest(operator_id=operator_id, scopes=["queue:read"])),
        (identity.ListOperatorKeys, pb.ListOperatorKeysRequest(operator_id=operator_id)),
        (identity.RevokeOperatorKey, pb.RevokeOperatorKeyRequest(key_id=key_id)),
        (identity.CreateAgent, pb.CreateAgentRequest(operator_id=operator_id, name="intruder")),
        (identity.ListAgents, pb.ListAgentsRequest(operator_id=operator_id)),
        (identity.RotateAgentKey, pb.RotateAgentKeyRequest(agent_id=agent_id)),
    ]


def _administrative_calls(agents: Any) -> list[tuple[Any, Any]]:
    return [
        (agents.identity.CreateOperator, pb.CreateOperatorRequest(name="intruder")),
        (agents.identity.ListOperators, pb.ListOperatorsRequest()),
    ]


def _service_calls(agents: Any) -> list[tuple[Any, Any]]:
    opening = pb.OpenSessionRequest(operator_id=1, project_id=PROJECT, agent_name="intruder")
    return [
        (agents.identity.Authenticate, pb.AuthenticateRequest(secret="pw_live_x")),
        (agents.sessions.OpenSession, opening),
        (agents.sessions.CloseProjectSessions, pb.CloseProjectSessionsRequest(project_id=PROJECT)),
    ]


async def _refusal(agents: Any, method: Any, request: Any, caller: Caller) -> DomainError:
    with pytest.raises(DomainError) as caught:
        await agents.call(method, request, caller)
    return caught.value


async def _snapshot(agents: Any) -> list[Any]:
    names = ["operators", "operator_keys", "agents", "sessions"]
    return [await agents.database[name].find().sort("_id").to_list() for name in names]


async def test_an_operator_reaches_nothing_of_another(agents: Any) -> None:
    victim, intruder = await agents.new_operator("victim"), await agents.new_operator("intruder-1")
    key = await agents.new_key(victim.operator_id)
    agent = await agents.new_agent(victim.operator_id, "victims-agent")
    before = await _snapshot(agents)
    calls = _managing_calls(agents, operator_id=victim.operator_id, key_id=key.key.id, agent_id=agent.agent.id)
    for method, request in calls:
        error = await _refusal(agents, method, request, intruder)
        hidden = isinstance(error, NotFound) and error.reason in ("KEY_NOT_FOUND", "AGENT_NOT_FOUND")
        assert hidden or (isinstance(error, PermissionDenied) and error.reason == "OTHER_OPERATOR")
    assert await _snapshot(agents) == before
    assert (await agents.identify(key.secret)).operator_id == victim.operator_id
    assert (await agents.identify(agent.secret)).operator_id == victim.operator_id


async def test_a_thing_of_another_looks_like_one_that_does_not_exist(agents: Any) -> None:
    victim, intruder = await agents.new_operator("victim"), await agents.new_operator("intruder-1")
    key = await agents.new_key(victim.operator_id)
    revoke = agents.identity.RevokeOperatorKey
    theirs = await _refusal(agents, revoke, pb.RevokeOperatorKeyRequest(key_id=key.key.id), intruder)
    nobodys = await _refusal(agents, revoke, pb.RevokeOperatorKeyRequest(key_id=new_id()), intruder)
    assert (theirs.reason, theirs.message) == (nobodys.reason, nobodys.message)


async def test_an_operator_that_does_not_exist_looks_like_another(agents: Any) -> None:
    intruder = await agents.new_operator("intruder-1")
    request = pb.CreateAgentRequest(operator_id=99, name="summariser")
    error = await _refusal(agents, agents.identity.CreateAgent, request, intruder)
    assert error.reason == "OTHER_OPERATOR"


async def test_everything_is_closed_to_nobody(agents: Any) -> None:
    calls = _managing_calls(agents, operator_id=1, key_id=new_id(), agent_id=1)
    calls += _administrative_calls(agents) + _service_calls(agents)
    calls += [
        (agents.sessions.GetSession, pb.GetSessionRequest()),
        (agents.sessions.ExtendSession, pb.ExtendSessionRequest(extend_by_seconds=1)),
        (agents.sessions.CloseSession, pb.CloseSessionRequest()),
    ]
    assert len(calls) == 14, "every method of both services"
    for method, request in calls:
        error = await _refusal(agents, method, request, ANONYMOUS)
        assert isinstance(error, Unauthenticated)
        assert error.reason == "AUTHENTICATION_REQUIRED"


async def test_only_administrators_make_and_list_operators(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    for method, request in _administrative_calls(agents):
        error = await _refusal(agents, method, request, owner)
        assert (error.code, error.reason, error.metadata["scope"]) == ("PERMISSION_DENIED", "SCOPE_MISSING", "admin")
    admin = Caller(kind="operator", operator_id=owner.operator_id, scopes=("admin",))
    assert (await agents.call(*_administrative_calls(agents)[0], admin)).operator.id == 2


async def test_only_services_authenticate_and_open_sessions(agents: Any) -> None:
    admin = Caller(kind="operator", operator_id=1, scopes=(*OPERATOR_SCOPES, "admin"))
    for method, request in _service_calls(agents):
        error = await _refusal(agents, method, request, admin)
        assert (error.code, error.reason) == ("PERMISSION_DENIED", "SCOPE_MISSING")


@pytest.mark.parametrize("kind", ["agent", "session"])
async def test_agents_and_sessions_manage_no_credentials(agents: Any, kind: str) -> None:
    owner = await agents.new_operator("poster")
    key, agent = await agents.new_key(owner.operator_id), await agents.new_agent(owner.operator_id, "summariser")
    session_of_worker = Caller(kind=kind, operator_id=owner.operator_id, scopes=(*OPERATOR_SCOPES, "admin"))
    calls = _managing_calls(agents, operator_id=owner.operator_id, key_id=key.key.id, agent_id=agent.agent.id)
    for method, request in calls:
        assert (await _refusal(agents, method, request, session_of_worker)).reason == "SCOPE_MISSING"


async def test_a_key_that_only_reads_changes_nothing(agents: Any) -> None:
    owner = await agents.new_operator("poster")
    key, agent = await agents.new_key(owner.operator_id), await agents.new_agent(owner.operator_id, "summariser")
    reader = Caller(kind="operator", operator_id=owner.operator_id, scopes=("queue:read",))
    before = await _snapshot(agents)
    for method, request in _managing_calls(
        agents, operator_id=owner.operator_id, key_id=key.key.id, agent_id=agent.agent.id
    ):
        if method in (agents.identity.ListOperatorKeys, agents.identity.ListAgents):
            await agents.call(method, request, reader)
        else:
            error = await _refusal(agents, method, request, reader)
            assert error.metadata == {"scope": "queue:write"}
    assert await _snapshot(agents) == before


@pytest.mark.parametrize("scopes", [["admin"], ["queue:read", "queue:work"], []])
async def test_nobody_grants_a_scope_it_does_not_hold(agents: Any, scopes: list[str]) -> None:
    owner = await agents.new_operator("poster")
    writer = Caller(kind="operator", operator_id=owner.operator_id, scopes=("queue:read", "queue:write"))
    with pytest.raises(PermissionDenied) as caught:
        await agents.new_key(owner.operator_id, *scopes, caller=writer)
    assert caught.value.reason == "SCOPE_MISSING"
    assert await agents.database["operator_keys"].count_documents({}) == 0


async def test_an_administrator_manages_every_operator(agents: Any) -> None:
    owner, other = await agents.new_operator("admin"), await agents.new_operator("poster")
    made = await agents.new_key(owner.operator_id, "admin", "queue:read")
    admin = await agents.caller_of(made.secret)
    key = await agents.new_key(other.operator_id, "queue:read", caller=admin)
    agent = await agents.new_agent(other.operator_id, "summariser", admin)
    for method, request in _managing_calls(
        agents, operator_id=other.operator_id, key_id=key.key.id, agent_id=agent.agent.id
    ):
        await agents.call(method, request, admin)
