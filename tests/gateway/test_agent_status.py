"""An agent that may not act is turned away at once, wherever its key was believed a moment ago."""

from __future__ import annotations

import uuid
from typing import Any

from piecework.agents.v1 import identity_pb2
from piecework.agents.v1 import registry_pb2 as registry
from piecework.agents.v1.registry_pb2_grpc import RegistryServiceStub

from tests.gateway.site import Site


def profiles(site: Site) -> Any:
    return RegistryServiceStub(site.platform.channels.get("agents"))


async def new_agent(site: Site) -> tuple[int, str]:
    request = identity_pb2.CreateAgentRequest(operator_id=site.owner.id, name=f"a-{uuid.uuid4().hex[:8]}")
    made = await site.identities.CreateAgent(request, **site.as_service())
    return made.agent.id, made.secret


async def set_status(site: Site, agent_id: int, status: registry.AgentStatus.ValueType) -> None:
    request = registry.SetAgentStatusRequest(agent_id=agent_id, status=status)
    await profiles(site).SetAgentStatus(request, **site.as_service())


async def test_a_change_of_status_is_seen_at_once(site: Site) -> None:
    agent_id, secret = await new_agent(site)
    assert (await site.send("GET", "/api/projects", key=secret)).status == 200
    for status, word in ((registry.AGENT_STATUS_PAUSED, "paused"), (registry.AGENT_STATUS_SUSPENDED, "suspended")):
        await set_status(site, agent_id, status)
        # The announcement is heard in the next turns of the loop, long before the five seconds of the cache.
        reply = await site.eventually("GET", "/api/projects", 403, key=secret)
        assert reply.json["error"] == f"Agent is {word}"
        await set_status(site, agent_id, registry.AGENT_STATUS_ACTIVE)
        assert (await site.send("GET", "/api/projects", key=secret)).status == 200


async def test_another_gateway_hears_of_it_too(site: Site, another_gateway: Any) -> None:
    other = await another_gateway()
    agent_id, secret = await new_agent(site)
    assert (await other.send("GET", "/api/projects", key=secret)).status == 200
    await set_status(site, agent_id, registry.AGENT_STATUS_PAUSED)
    await other.eventually("GET", "/api/projects", 403, key=secret)
    await set_status(site, agent_id, registry.AGENT_STATUS_ACTIVE)
    assert (await other.send("GET", "/api/projects", key=secret)).status == 200


async def test_an_agent_that_nobody_has_claimed_is_told_so(site: Site) -> None:
    request = registry.RegisterAgentRequest(name=f"w-{uuid.uuid4().hex[:8]}", description="Looks for work")
    made = await profiles(site).RegisterAgent(request, **site.as_service())
    reply = await site.send("GET", "/api/projects", key=made.secret)
    assert (reply.status, reply.json["error"]) == (403, "Agent has not been claimed yet")
    claim = registry.ClaimAgentRequest(verification_code=made.verification_code, operator_id=site.owner.id)
    await profiles(site).ClaimAgent(claim, **site.as_service())
    assert (await site.send("GET", "/api/projects", key=made.secret)).status == 200
