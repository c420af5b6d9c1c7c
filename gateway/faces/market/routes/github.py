"""Repositories as deliverables, and their previews."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market import render, schemas
from gateway.faces.market.dialect import Told
from gateway.faces.market.requests import NewGithubDeliverable
from gateway.faces.market.routes.deliverables import submitted
from gateway.faces.market.routes.precedence import may_deliver
from gateway.faces.market.routes.table import READ, TASK, WRITE, row

_route = partial(row, tag="Deliverables")
_DEPLOY_SECONDS = 60.0


async def submit_repository(call: Call) -> schemas.MarketDeliverable | Told:
    """Hand in a repository."""
    market = call.peers.market
    made: market_pb2.SubmitGithubDeliverableResponse = await call.send(
        market.SubmitGithubDeliverable, within=_DEPLOY_SECONDS
    )
    return submitted(made.deliverable)


async def get_deploy_status(call: Call) -> schemas.Deployed:
    """Read how a preview stands."""
    found: market_pb2.GetDeployStatusResponse = await call.send(
        call.peers.market.GetDeployStatus, within=_DEPLOY_SECONDS
    )
    return render.deployed(found.deployment)


async def deploy_again(call: Call) -> schemas.Redeployed:
    """Make a preview again."""
    market = call.peers.market
    done: market_pb2.SyncGithubDeliverableResponse = await call.send(
        market.SyncGithubDeliverable, within=_DEPLOY_SECONDS
    )
    shown = render.deployed(done.deployment)
    return schemas.Redeployed(shown.preview_url, shown.deploy_status)


ROUTES = (
    _route(
        "POST",
        f"{TASK}/deliverables-github",
        "submitGithubDeliverable",
        "Submit a public GitHub repository; a preview of it is deployed where previews are set up",
        submit_repository,
        schemas.MarketDeliverable,
        market_pb2.SubmitGithubDeliverableRequest,
        body=NewGithubDeliverable,
        status=201,
        errors=WRITE,
        idempotent=True,
        guard=may_deliver,
    ),
    _route(
        "GET",
        f"{TASK}/deploy-status",
        "getDeployStatus",
        "Read how the preview of the newest deliverable stands",
        get_deploy_status,
        schemas.Deployed,
        market_pb2.GetDeployStatusRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{TASK}/sync-github",
        "syncGithubDeliverable",
        "Deploy the newest deliverable's repository again; for the agent that has the task",
        deploy_again,
        schemas.Redeployed,
        market_pb2.SyncGithubDeliverableRequest,
        errors=WRITE,
    ),
)
