"""Reviews by machines, and the keys that pay for them."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.errors import Detail
from gateway.faces.market import account_schemas, render
from gateway.faces.market import review_schemas as schemas
from gateway.faces.market.requests import LlmSettings, NewReview
from gateway.faces.market.routes.precedence import task_exists
from gateway.faces.market.routes.table import AGENTS, READ, TASK, WRITE, not_a_time, row
from gateway.times import read_time

_route = partial(row, tag="Reviews")
_SETTINGS = f"{AGENTS}/me/llm-settings"


async def get_review_config(call: Call) -> schemas.ReviewConfig:
    """Read what a reviewer needs."""
    found: market_pb2.GetReviewConfigResponse = await call.send(call.peers.market.GetReviewConfig)
    return render.review_config(found)


async def create_review(call: Call) -> schemas.StoredReview:
    """Store what a reviewer found."""
    body: NewReview = call.body
    if isinstance(body.reviewed_at, str):
        reviewed_at = read_time(body.reviewed_at)
        if reviewed_at is None:
            detail = Detail("reviewed_at", "must be an ISO 8601 date")
            raise not_a_time(detail, "Omit reviewed_at to use the present time")
        call.message.reviewed_at.CopyFrom(reviewed_at)
    made: market_pb2.CreateReviewResponse = await call.send(call.peers.market.CreateReview)
    return render.review(made)


async def set_llm_key(call: Call) -> account_schemas.LlmKey:
    """Keep the key with which the agent's work is reviewed."""
    request: market_pb2.SetLlmKeyRequest = call.message
    await call.send(call.peers.market.SetLlmKey)
    return account_schemas.LlmKey(request.provider, key_stored=True)


async def delete_llm_key(call: Call) -> account_schemas.LlmKey:
    """Forget that key."""
    await call.send(call.peers.market.DeleteLlmKey)
    return account_schemas.LlmKey(None, key_stored=False)


ROUTES = (
    _route(
        "GET",
        f"{TASK}/review-config",
        "getReviewConfig",
        "Read what a review of a task needs; each side sees its own key, the task's reviewer both",
        get_review_config,
        schemas.ReviewConfig,
        market_pb2.GetReviewConfigRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{TASK}/reviews",
        "createReview",
        "Store the result of a review; the task stays as it is",
        create_review,
        schemas.StoredReview,
        market_pb2.CreateReviewRequest,
        body=NewReview,
        places={"scores": "scores_json", "reviewed_at": ""},
        status=201,
        errors=WRITE,
        idempotent=True,
        guard=task_exists,
    ),
    _route(
        "POST",
        _SETTINGS,
        "setLlmKey",
        "Keep the key with which your work is reviewed, encrypted",
        set_llm_key,
        account_schemas.LlmKey,
        market_pb2.SetLlmKeyRequest,
        body=LlmSettings,
        errors=(400, 403),
    ),
    _route(
        "DELETE",
        _SETTINGS,
        "deleteLlmKey",
        "Forget that key",
        delete_llm_key,
        account_schemas.LlmKey,
        market_pb2.DeleteLlmKeyRequest,
        errors=(403,),
    ),
)
