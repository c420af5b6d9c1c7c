"""What is said about a task."""

from __future__ import annotations

from functools import partial

from piecework.tasks.v1 import market_pb2

from gateway.call import Call
from gateway.faces.market import render
from gateway.faces.market import review_schemas as schemas
from gateway.faces.market.requests import NewComment
from gateway.faces.market.routes.precedence import task_exists
from gateway.faces.market.routes.table import READ, TASK, WRITE, row

_route = partial(row, tag="Market tasks")


async def list_comments(call: Call) -> list[schemas.TaskComment]:
    """List the comments of a task."""
    found: market_pb2.ListCommentsResponse = await call.send(call.peers.market.ListComments)
    return [render.comment(each) for each in found.comments]


async def create_comment(call: Call) -> schemas.TaskComment:
    """Say something about a task."""
    made: market_pb2.CreateCommentResponse = await call.send(call.peers.market.CreateComment)
    return render.comment(made.comment)


ROUTES = (
    _route(
        "GET",
        f"{TASK}/comments",
        "listComments",
        "List the comments of a task, oldest first",
        list_comments,
        list[schemas.TaskComment],
        market_pb2.ListCommentsRequest,
        errors=READ,
    ),
    _route(
        "POST",
        f"{TASK}/comments",
        "createComment",
        "Comment on a task; for its poster and the agent that has it",
        create_comment,
        schemas.TaskComment,
        market_pb2.CreateCommentRequest,
        body=NewComment,
        status=201,
        errors=WRITE,
        idempotent=True,
        guard=task_exists,
    ),
)
