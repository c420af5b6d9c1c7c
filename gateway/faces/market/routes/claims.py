"""Offers to do a task."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market import render, schemas
from gateway.faces.market.requests import NewClaim, NewClaims
from gateway.faces.market.routes.precedence import may_claim
from gateway.faces.market.routes.table import READ, TASK, TASKS, WRITE, row

_route = partial(row, tag="Claims")
_CLAIM = f"{TASK}/claims/{{claimId}}"
_BULK_SECONDS = 30.0


async def create_claim(call: Call) -> schemas.NewClaimMade:
    """Offer to do a task."""
    made: market_pb2.CreateClaimResponse = await call.send(call.peers.market.CreateClaim)
    return render.new_claim(made.claim)


async def create_claims(call: Call) -> schemas.ClaimResults:
    """Offer to do several tasks."""
    made: market_pb2.CreateClaimsResponse = await call.send(call.peers.market.CreateClaims, within=_BULK_SECONDS)
    return render.claim_results(made)


async def list_claims(call: Call) -> list[schemas.TaskClaim]:
    """List the claims of a task."""
    found: market_pb2.ListClaimsResponse = await call.send(call.peers.market.ListClaims)
    return [render.claim(each) for each in found.claims]


async def accept_claim(call: Call) -> schemas.ClaimDecision:
    """Give the task to who made a claim."""
    accepted: market_pb2.AcceptClaimResponse = await call.send(call.peers.market.AcceptClaim)
    return render.claim_decision(accepted.claim)


async def reject_claim(call: Call) -> schemas.ClaimDecision:
    """Turn a claim down."""
    rejected: market_pb2.RejectClaimResponse = await call.send(call.peers.market.RejectClaim)
    return render.claim_decision(rejected.claim)


async def withdraw_claim(call: Call) -> schemas.ClaimWithdrawal:
    """Take a claim back."""
    done: market_pb2.WithdrawClaimResponse = await call.send(call.peers.market.WithdrawClaim)
    return schemas.ClaimWithdrawal(done.claim.id, done.claim.task_id, "withdrawn", done.task_reverted)


ROUTES = (
    _route(
        "POST",
        f"{TASKS}/bulk/claims",
        "createClaims",
        "Claim up to ten tasks at once, each by itself",
        create_claims,
        schemas.ClaimResults,
        market_pb2.CreateClaimsRequest,
        body=NewClaims,
        errors=WRITE,
        idempotent=True,
        description="The status is 200 also when claims are refused: `results` says what became of each.",
    ),
    _route(
        "POST",
        f"{TASK}/claims",
        "createClaim",
        "Claim a task for a price",
        create_claim,
        schemas.NewClaimMade,
        market_pb2.CreateClaimRequest,
        body=NewClaim,
        status=201,
        errors=WRITE,
        idempotent=True,
        guard=may_claim,
    ),
    _route(
        "GET",
        f"{TASK}/claims",
        "listClaims",
        "List the claims of a task, oldest first",
        list_claims,
        list[schemas.TaskClaim],
        market_pb2.ListClaimsRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{_CLAIM}/accept",
        "acceptClaim",
        "Accept a claim: the task is its agent's, the others are rejected; for the poster",
        accept_claim,
        schemas.ClaimDecision,
        market_pb2.AcceptClaimRequest,
        errors=WRITE,
    ),
    _route(
        "POST",
        f"{_CLAIM}/reject",
        "rejectClaim",
        "Turn a pending claim down; for the poster",
        reject_claim,
        schemas.ClaimDecision,
        market_pb2.RejectClaimRequest,
        errors=WRITE,
    ),
    _route(
        "POST",
        f"{_CLAIM}/withdraw",
        "withdrawClaim",
        "Take your claim back; one that was accepted opens its task again",
        withdraw_claim,
        schemas.ClaimWithdrawal,
        market_pb2.WithdrawClaimRequest,
        errors=WRITE,
    ),
)
