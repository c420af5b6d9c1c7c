"""What agents tell about themselves, and how they come to belong to somebody."""

from __future__ import annotations

import asyncio
from typing import Any

from piecework.agents.v1 import registry_pb2 as pb

from kit.caller import ANONYMOUS, OPERATOR_SCOPES, Caller
from kit.errors import DomainError, PermissionDenied, Unauthenticated
from tests.service.agents.platform import AgentsClient
from tests.service.hosting import refused

ADMIN = Caller(kind="operator", operator_id=999, scopes=("admin",))


async def an_agent(agents: AgentsClient, name: str = "summariser") -> tuple[Caller, Caller]:
    """Return a new operator and its agent."""
    owner = await agents.new_operator(f"owner-of-{name}")
    made = await agents.new_agent(owner.operator_id, name)
    return owner, await agents.caller_of(made.secret)


async def update(agents: AgentsClient, caller: Caller, **changes: Any) -> pb.Profile:
    request = pb.UpdateOwnProfileRequest(**changes)
    return (await agents.call(agents.registry.UpdateOwnProfile, request, caller)).profile


async def own(agents: AgentsClient, caller: Caller) -> pb.Profile:
    return (await agents.call(agents.registry.GetOwnProfile, pb.GetOwnProfileRequest(), caller)).profile


async def test_a_new_agent_has_an_empty_profile(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    profile = await own(agents, agent)
    assert (profile.id, profile.name, profile.status) == (agent.agent_id, "summariser", pb.AGENT_STATUS_ACTIVE)
    assert (profile.operator.id, profile.operator.name) == (owner.operator_id, "owner-of-summariser")
    assert (profile.description, list(profile.capabilities), list(profile.category_ids)) == ("", [], [])
    assert (profile.reputation_score, profile.tasks_completed) == (50.0, 0)
    assert not profile.HasField("hourly_rate_credits")
    assert not profile.HasField("avg_rating")
    assert profile.created_at.ToDatetime(agents.clock.now().tzinfo) == agents.clock.now()


async def test_an_agent_from_before_there_were_profiles_has_one(agents: AgentsClient) -> None:
    _, agent = await an_agent(agents)
    await agents.database["agents"].update_one({"_id": agent.agent_id}, {"$unset": {"status": True}})
    assert (await own(agents, agent)).status == pb.AGENT_STATUS_ACTIVE
    assert (await agents.set_status(agent.agent_id, "paused")).status == pb.AGENT_STATUS_PAUSED


async def test_what_is_not_named_stays(agents: AgentsClient) -> None:
    _, agent = await an_agent(agents)
    await update(agents, agent, description="Sums up", hourly_rate_credits=0, capabilities=["a"], set_capabilities=True)
    changed = await update(agents, agent, category_ids=[3, 1], set_category_ids=True)
    assert (changed.description, list(changed.capabilities)) == ("Sums up", ["a"])
    assert (list(changed.category_ids), changed.hourly_rate_credits) == ([3, 1], 0)
    assert changed.HasField("hourly_rate_credits")
    emptied = await update(agents, agent, set_capabilities=True)
    assert (list(emptied.capabilities), list(emptied.category_ids)) == ([], [3, 1])
    assert await own(agents, agent) == emptied
    with refused("NOTHING_TO_UPDATE"):
        await update(agents, agent, capabilities=["ignored without the flag"])


async def test_names_are_unique_within_the_operator_alone(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    await agents.new_agent(owner.operator_id, "taken")
    with refused("AGENT_EXISTS"):
        await update(agents, agent, name="taken")
    assert (await update(agents, agent, name="summariser")).name == "summariser"
    _, other = await an_agent(agents, "other")
    assert (await update(agents, other, name="taken")).name == "taken"
    with refused("VALIDATION_FAILED"):
        await update(agents, agent, name="no spaces")


async def test_only_agents_have_a_profile_of_their_own(agents: AgentsClient) -> None:
    owner, _ = await an_agent(agents)
    with refused("AGENT_REQUIRED", PermissionDenied):
        await own(agents, owner)
    with refused("AGENT_REQUIRED", PermissionDenied):
        await update(agents, owner, description="x")
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await own(agents, ANONYMOUS)


async def test_anybody_with_a_credential_reads_any_profile(agents: AgentsClient) -> None:
    _, agent = await an_agent(agents)
    _, other = await an_agent(agents, "other")
    assert (await agents.profile(agent.agent_id, other)).profile.name == "summariser"
    with refused("AGENT_NOT_FOUND"):
        await agents.profile(99, other)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await agents.profile(agent.agent_id, ANONYMOUS)


async def test_services_read_the_names_of_operators(agents: AgentsClient) -> None:
    owner, agent = await an_agent(agents)
    request = pb.GetOperatorRequest(operator_id=owner.operator_id)
    found = await agents.call(agents.registry.GetOperator, request)
    assert (found.operator.id, found.operator.name) == (owner.operator_id, "owner-of-summariser")
    with refused("OPERATOR_NOT_FOUND"):
        await agents.call(agents.registry.GetOperator, pb.GetOperatorRequest(operator_id=99))
    for caller in (owner, agent, ADMIN):
        with refused("SCOPE_MISSING", PermissionDenied):
            await agents.call(agents.registry.GetOperator, request, caller)


async def test_an_agent_that_registers_may_do_nothing_until_it_is_claimed(agents: AgentsClient) -> None:
    made = await agents.registered("Wanderer")
    assert (made.profile.name, made.profile.status) == ("wanderer", pb.AGENT_STATUS_PENDING_CLAIM)
    assert not made.profile.HasField("operator")
    assert made.verification_code.startswith("hive-")
    with refused("AGENT_PENDING_CLAIM", PermissionDenied) as _:
        await agents.identify(made.secret)
    owner = await agents.new_operator("owner")
    claimed = await agents.claim(made.verification_code, owner)
    assert (claimed.id, claimed.operator.name, claimed.status) == (made.profile.id, "owner", pb.AGENT_STATUS_ACTIVE)
    assert claimed.description == "Looks for work"
    found = await agents.caller_of(made.secret)
    assert (found.agent_id, found.operator_id, found.name) == (claimed.id, owner.operator_id, "wanderer")
    with refused("VERIFICATION_CODE_NOT_FOUND"):
        await agents.claim(made.verification_code, owner)


async def test_a_code_may_be_typed_in_small_letters(agents: AgentsClient) -> None:
    made, owner = await agents.registered(), await agents.new_operator("owner")
    typed = f" {made.verification_code.lower()} "
    assert (await agents.claim(typed, owner)).id == made.profile.id


async def test_a_code_is_not_stored(agents: AgentsClient) -> None:
    made = await agents.registered()
    stored = repr(await agents.database["agents"].find_one({"_id": made.profile.id}))
    assert made.verification_code[5:] not in stored
    assert made.secret not in stored


async def test_names_are_unique_among_the_unclaimed(agents: AgentsClient) -> None:
    first = await agents.registered("wanderer")
    with refused("AGENT_EXISTS"):
        await agents.registered("WANDERER")
    owner = await agents.new_operator("owner")
    await agents.claim(first.verification_code, owner)
    second = await agents.registered("wanderer")
    with refused("AGENT_EXISTS"):
        await agents.claim(second.verification_code, owner)
    other = await agents.new_operator("other")
    assert (await agents.claim(second.verification_code, other)).operator.name == "other"


async def test_of_many_that_claim_an_agent_one_gets_it(agents: AgentsClient) -> None:
    made = await agents.registered()
    owners = [await agents.new_operator(f"owner-{number}") for number in range(8)]
    ended = await asyncio.gather(
        *(agents.claim(made.verification_code, owner) for owner in owners), return_exceptions=True
    )
    won = [each for each in ended if isinstance(each, pb.Profile)]
    assert len(won) == 1
    assert {each.reason for each in ended if isinstance(each, DomainError)} == {"VERIFICATION_CODE_NOT_FOUND"}
    assert (await agents.identify(made.secret)).operator_id == won[0].operator.id


async def test_who_may_claim(agents: AgentsClient) -> None:
    made, (owner, agent) = await agents.registered(), await an_agent(agents)
    code = made.verification_code
    with refused("OTHER_OPERATOR"):
        await agents.claim(code, owner, owner.operator_id + 1)
    with refused("SCOPE_MISSING"):
        await agents.claim(code, agent)
    session = Caller(kind="session", operator_id=owner.operator_id, scopes=("queue:read", "queue:write", "queue:work"))
    with refused("SCOPE_MISSING"):
        await agents.claim(code, session)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await agents.claim(code, ANONYMOUS)
    with refused("OPERATOR_NOT_FOUND"):
        await agents.claim(code, ADMIN, 99)
    assert (await agents.claim(code, ADMIN, owner.operator_id)).operator.id == owner.operator_id


async def test_a_key_of_an_operator_can_claim(agents: AgentsClient) -> None:
    made, owner = await agents.registered(), await agents.new_operator("owner")
    caller = await agents.caller_of((await agents.new_key(owner.operator_id)).secret)
    assert caller.scopes == OPERATOR_SCOPES
    assert (await agents.claim(made.verification_code, caller)).operator.id == owner.operator_id


async def test_only_agents_that_nobody_claims_are_forgotten(agents: AgentsClient) -> None:
    index = (await agents.database["agents"].index_information())["forgotten"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("created_at", 1)], 30 * 24 * 3600)
    forgotten = index["partialFilterExpression"]
    made, (owner, _) = await agents.registered(), await an_agent(agents)
    assert await agents.database["agents"].count_documents(forgotten) == 1
    request = pb.ClaimAgentRequest(verification_code=made.verification_code)
    await agents.call(agents.registry.ClaimAgent, request, owner)
    assert await agents.database["agents"].count_documents(forgotten) == 0
