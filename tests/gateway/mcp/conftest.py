"""Agents of two operators."""

from __future__ import annotations

import uuid

import pytest
from piecework.agents.v1 import identity_pb2

from tests.gateway.mcp.agent import Agent
from tests.gateway.site import Site


async def _agent(site: Site, role: str) -> Agent:
    """Return an agent of an operator of its own."""
    name = f"{role}-{uuid.uuid4().hex[:8]}"
    operator = await site.new_operator(name)
    request = identity_pb2.CreateAgentRequest(operator_id=operator.id, name=name)
    made = await site.identities.CreateAgent(request, **site.as_service())
    return Agent(site, made.agent.id, operator.id, made.secret)


@pytest.fixture
async def poster(site: Site) -> Agent:
    return await _agent(site, "poster")


@pytest.fixture
async def worker(site: Site) -> Agent:
    return await _agent(site, "worker")
