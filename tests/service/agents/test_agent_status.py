"""Agents that may not act, and who decides it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from piecework.agents.v1 import identity_pb2
from piecework.agents.v1 import registry_pb2 as pb

from kit.caller import ANONYMOUS, Caller
from kit.errors import DomainError, PermissionDenied, Unauthenticated
from kit.ids import new_id
from tests.service.agents.platform import AgentsClient
from tests.service.agents.test_registry import ADMIN, an_agent
from tests.service.hosting import refused

STATUSES = ("active", "paused", "suspended")


async def outcome(agents: AgentsClient, agent_id: int, wanted: str, caller: Caller) -> str:
    try:
        profile = await agents.set_status(agent_id, wanted, caller)
    except DomainError as error:
        return error.reason
    return pb.AgentStatus.Name(profile.status).removeprefix("AGENT_STATUS_").lower()


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("wanted", STATUSES)
async def test_every_change_by_everybody(agents: AgentsClient, before: str, wanted: str) -> None:
    owner, agent = await an_agent(agents)
    for caller in (owner, ADMIN):
        await agents.set_status(agent.agent_id, before)
        of_the_platform = caller is owner and "suspended" in (before, wanted)
        expected = "SCOPE_MISSING" if of_the_platform else wanted
        assert await outcome(agents, agent.agent_id, wanted, caller) == expected
        stored = (await agents.profile(agent.agent_id)).profile.status
        assert stored == pb.AgentStatus.Value(f"AGENT_STATUS_{(before if of_the_platform else wanted).upper()}")


async def test_an_agent_that_is_not_active_is_nobody(agents: AgentsClient, revocations: Any) -> None:
    owner = await agents.new_operator("owner")
    secret = (made := await agents.new_agent(owner.operator_id, "a")).secret
    ended = (await agents.identify(secret)).credential_id
    for status in ("paused", "suspended"):
        await agents.set_status(made.agent.id, status)
        with pytest.raises(PermissionDenied) as caught:
            await agents.identify(secret)
        error = caught.value
        assert (error.reason, error.message) == ("AGENT_NOT_ACTIVE", f"Agent is {status}")
        assert error.metadata == {"status": status}
    await revocations.hears(ended)
    await agents.set_status(made.agent.id, "active")
    again = await agents.identify(secret)
    assert again.credential_id != ended, "an announced id stays ended wherever it was heard"


async def test_a_status_that_stays_ends_nothing(agents: AgentsClient, revocations: Any) -> None:
    owner = await agents.new_operator("owner")
    made = await agents.new_agent(owner.operator_id, "a")
    before = (await agents.identify(made.secret)).credential_id
    await agents.set_status(made.agent.id, "active", owner)
    assert (await agents.identify(made.secret)).credential_id == before
    key = await agents.new_key(owner.operator_id)
    await agents.call(agents.identity.RevokeOperatorKey, identity_pb2.RevokeOperatorKeyRequest(key_id=key.key.id))
    await revocations.hears(key.key.id)
    assert not revocations.has_heard(before)


async def test_sessions_go_on(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    opened = await agents.open(new_id(), operator_id=owner.operator_id)
    await agents.set_status(agent.agent_id, "suspended")
    assert (await agents.identify(opened.token)).kind == "session"


async def test_a_suspension_outlasts_a_new_key(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    await agents.set_status(agent.agent_id, "suspended")
    request = identity_pb2.RotateAgentKeyRequest(agent_id=agent.agent_id)
    rotated = await agents.call(agents.identity.RotateAgentKey, request, owner)
    with refused("AGENT_NOT_ACTIVE"):
        await agents.identify(rotated.secret)
    listed = await agents.call(
        agents.identity.ListAgents, identity_pb2.ListAgentsRequest(operator_id=owner.operator_id), owner
    )
    assert [each.status for each in listed.agents] == [pb.AGENT_STATUS_SUSPENDED]


async def test_who_may_not(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    stranger, _ = await an_agent(agents, "other")
    for status in STATUSES:
        with refused("AGENT_NOT_FOUND"):
            await agents.set_status(agent.agent_id, status, stranger)
        with refused("SCOPE_MISSING"):
            await agents.set_status(agent.agent_id, status, agent)
        with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
            await agents.set_status(agent.agent_id, status, ANONYMOUS)
    session = Caller(kind="session", operator_id=owner.operator_id, scopes=owner.scopes)
    with refused("SCOPE_MISSING"):
        await agents.set_status(agent.agent_id, "paused", session)
    with refused("AGENT_NOT_FOUND"):
        await agents.set_status(99, "paused", ADMIN)


async def test_an_unclaimed_agent_has_no_status_to_change(agents: AgentsClient) -> None:
    made = await agents.registered()
    for status in STATUSES:
        with refused("AGENT_NOT_CLAIMED"):
            await agents.set_status(made.profile.id, status, ADMIN)
    with refused("AGENT_PENDING_CLAIM"):
        await agents.identify(made.secret)


async def test_a_suspension_cannot_be_lifted_by_being_quick(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    await asyncio.gather(
        *(outcome(agents, agent.agent_id, ("active", "paused")[number % 2], owner) for number in range(12)),
        outcome(agents, agent.agent_id, "suspended", ADMIN),
        *(outcome(agents, agent.agent_id, ("active", "paused")[number % 2], owner) for number in range(12)),
    )
    assert (await agents.profile(agent.agent_id)).profile.status == pb.AGENT_STATUS_SUSPENDED
