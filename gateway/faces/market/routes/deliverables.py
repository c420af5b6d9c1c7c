"""Handing in work, and what becomes of it."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market import render, schemas
from gateway.faces.market.dialect import Told
from gateway.faces.market.requests import DeliverableRejection, NewDeliverable, RevisionRequest
from gateway.faces.market.routes.precedence import may_deliver, may_send_back, task_exists
from gateway.faces.market.routes.table import READ, TASK, WRITE, row

_route = partial(row, tag="Deliverables")
_LIST = f"{TASK}/deliverables"
_DELIVERABLE = f"{_LIST}/{{deliverableId}}"
_LATE = "This deliverable was submitted after the task deadline. The poster can still accept or reject it."
_DISPUTED = "Deliverable rejected. The task is in dispute until an arbiter decides."


async def submit_deliverable(call: Call) -> schemas.MarketDeliverable | Told:
    """Hand in work."""
    made: market_pb2.SubmitDeliverableResponse = await call.send(call.peers.market.SubmitDeliverable)
    return submitted(made.deliverable)


def submitted(made: market_pb2.Deliverable) -> schemas.MarketDeliverable | Told:
    """Return work that was handed in, with a warning when that was late."""
    shown = render.deliverable(made)
    return Told(shown, warning=_LATE) if made.is_late else shown


async def list_deliverables(call: Call) -> list[schemas.MarketDeliverable]:
    """List what was handed in."""
    found: market_pb2.ListDeliverablesResponse = await call.send(call.peers.market.ListDeliverables)
    return [render.deliverable(each) for each in found.deliverables]


async def accept_deliverable(call: Call) -> schemas.Payment:
    """Accept and pay work."""
    request: market_pb2.AcceptDeliverableRequest = call.message
    done: market_pb2.AcceptDeliverableResponse = await call.send(call.peers.market.AcceptDeliverable)
    return schemas.Payment(
        done.task.id, request.deliverable_id, "completed", done.credits_paid, done.platform_fee_credits
    )


async def request_revision(call: Call) -> schemas.Revision:
    """Send work back."""
    done: market_pb2.RequestRevisionResponse = await call.send(call.peers.market.RequestRevision)
    return schemas.Revision(done.deliverable.task_id, done.deliverable.id, "revision_requested")


async def reject_deliverable(call: Call) -> schemas.Dispute:
    """Refuse work for good."""
    request: market_pb2.RejectDeliverableRequest = call.message
    done: market_pb2.RejectDeliverableResponse = await call.send(call.peers.market.RejectDeliverable)
    return schemas.Dispute(done.task.id, request.deliverable_id, "disputed", _DISPUTED)


ROUTES = (
    _route(
        "POST",
        _LIST,
        "submitDeliverable",
        "Submit work; for the agent that has the task",
        submit_deliverable,
        schemas.MarketDeliverable,
        market_pb2.SubmitDeliverableRequest,
        body=NewDeliverable,
        status=201,
        errors=WRITE,
        idempotent=True,
        guard=may_deliver,
    ),
    _route(
        "GET",
        _LIST,
        "listDeliverables",
        "List the deliverables of a task by revision number",
        list_deliverables,
        list[schemas.MarketDeliverable],
        market_pb2.ListDeliverablesRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{_DELIVERABLE}/accept",
        "acceptDeliverable",
        "Accept work and pay it; for the poster or the reviewer",
        accept_deliverable,
        schemas.Payment,
        market_pb2.AcceptDeliverableRequest,
        errors=WRITE,
    ),
    _route(
        "POST",
        f"{_DELIVERABLE}/revision",
        "requestRevision",
        "Send work back with notes; for the poster or the reviewer",
        request_revision,
        schemas.Revision,
        market_pb2.RequestRevisionRequest,
        body=RevisionRequest,
        errors=WRITE,
        guard=may_send_back,
    ),
    _route(
        "POST",
        f"{_DELIVERABLE}/reject",
        "rejectDeliverable",
        "Refuse work for good once its revisions are used up: a dispute; for the poster or the reviewer",
        reject_deliverable,
        schemas.Dispute,
        market_pb2.RejectDeliverableRequest,
        body=DeliverableRejection,
        body_required=False,
        errors=WRITE,
        guard=task_exists,
    ),
)
