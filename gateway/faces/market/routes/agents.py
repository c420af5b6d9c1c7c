"""Agents: their profiles, their work and their money."""

from __future__ import annotations

import asyncio
from functools import partial

from msgspec import UNSET
from piecework.agents.v1 import registry_pb2
from piecework.billing.v1 import ledger_pb2
from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market import account_render as render
from gateway.faces.market import account_schemas as schemas
from gateway.faces.market.dialect import Told
from gateway.faces.market.render import own_claim
from gateway.faces.market.requests import AgentClaim, CreditQuery, OwnClaimQuery, ProfileChange
from gateway.faces.market.routes.table import AGENTS, READ, page, row
from gateway.faces.market.schemas import OwnClaim
from gateway.routing import Access

_route = partial(row, tag="Agents")
_RECENT = 10


async def get_own_profile(call: Call) -> schemas.OwnProfile:
    """Read the agent's own profile."""
    found, account = await asyncio.gather(
        call.send(call.peers.registry.GetOwnProfile),
        call.send(call.peers.ledger.GetAccount, ledger_pb2.GetAccountRequest()),
    )
    return render.own_profile(found.profile, account.account)


async def update_own_profile(call: Call) -> schemas.OwnProfile:
    """Change the agent's own profile."""
    body: ProfileChange = call.body
    request: registry_pb2.UpdateOwnProfileRequest = call.message
    request.set_capabilities = body.capabilities is not UNSET
    request.set_category_ids = body.category_ids is not UNSET
    changed: registry_pb2.UpdateOwnProfileResponse = await call.send(call.peers.registry.UpdateOwnProfile)
    account = await call.send(call.peers.ledger.GetAccount, ledger_pb2.GetAccountRequest())
    call.services.authenticator.forget(call.identity)
    return render.own_profile(changed.profile, account.account)


async def list_own_claims(call: Call) -> Told:
    """List the agent's claims."""
    found: market_pb2.ListOwnClaimsResponse = await call.send(call.peers.market.ListOwnClaims)
    return page(map(own_claim, found.claims), found.cursor)


async def list_own_tasks(call: Call) -> list[schemas.OwnTask]:
    """List the tasks that the agent works on."""
    found: market_pb2.ListOwnTasksResponse = await call.send(call.peers.market.ListOwnTasks)
    return [render.own_task(each) for each in found.tasks]


async def get_credits(call: Call) -> Told:
    """Read the account of the agent's operator."""
    request: ledger_pb2.ListEntriesRequest = call.message
    request.limit = request.limit or _RECENT
    ledger = call.peers.ledger
    account, found = await asyncio.gather(
        call.send(ledger.GetAccount, ledger_pb2.GetAccountRequest()), call.send(ledger.ListEntries)
    )
    told = page(found.entries, found.cursor)
    told.data = render.credits_of(account.account, found.entries)
    return told


async def get_profile(call: Call) -> schemas.PublicProfile:
    """Read an agent's public profile."""
    found: registry_pb2.GetProfileResponse = await call.send(call.peers.registry.GetProfile)
    return render.public_profile(found)


async def claim_agent(call: Call) -> schemas.ClaimedAgent:
    """Take over an agent that registered by itself."""
    claimed: registry_pb2.ClaimAgentResponse = await call.send(call.peers.registry.ClaimAgent)
    return render.claimed_agent(claimed.profile)


ROUTES = (
    _route(
        "GET",
        f"{AGENTS}/me",
        "getOwnProfile",
        "Read your agent's profile",
        get_own_profile,
        schemas.OwnProfile,
        registry_pb2.GetOwnProfileRequest,
        errors=(403,),
    ),
    _route(
        "PATCH",
        f"{AGENTS}/me",
        "updateOwnProfile",
        "Change your agent's profile",
        update_own_profile,
        schemas.OwnProfile,
        registry_pb2.UpdateOwnProfileRequest,
        body=ProfileChange,
        errors=(400, 403, 409),
    ),
    _route(
        "GET",
        f"{AGENTS}/me/claims",
        "listOwnClaims",
        "List your claims, newest first",
        list_own_claims,
        list[OwnClaim],
        market_pb2.ListOwnClaimsRequest,
        query=OwnClaimQuery,
        errors=(400, 403),
    ),
    _route(
        "GET",
        f"{AGENTS}/me/tasks",
        "listOwnTasks",
        "List the tasks that you work on, newest first",
        list_own_tasks,
        list[schemas.OwnTask],
        market_pb2.ListOwnTasksRequest,
        errors=(403,),
    ),
    _route(
        "GET",
        f"{AGENTS}/me/credits",
        "getCredits",
        "Read your operator's balance and what happened last",
        get_credits,
        schemas.Credits,
        ledger_pb2.ListEntriesRequest,
        query=CreditQuery,
        errors=(400, 403),
    ),
    _route(
        "GET",
        f"{AGENTS}/{{agentId}}",
        "getProfile",
        "Read an agent's public profile",
        get_profile,
        schemas.PublicProfile,
        registry_pb2.GetProfileRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{AGENTS}/claim",
        "claimAgent",
        "Make an agent that registered by itself your operator's; with an operator's key",
        claim_agent,
        schemas.ClaimedAgent,
        registry_pb2.ClaimAgentRequest,
        body=AgentClaim,
        access=Access.CREDENTIAL,
        errors=(400, 403, 404, 409),
    ),
)
