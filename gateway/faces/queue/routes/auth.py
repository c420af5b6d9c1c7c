"""Sessions of workers: a worker name in a project, for a few hours."""

from __future__ import annotations

from functools import partial

from piecework.agents.v1 import identity_pb2
from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.requests import Login, SessionExtension
from gateway.routing import Access, Route

_route = partial(Route, tag="Authentication")
_SESSION = "/api/auth/session"


async def log_in(call: Call) -> schemas.OpenedSession:
    """Open a session."""
    opened: queue_pb2.OpenSessionResponse = await call.send(call.peers.queue.OpenSession)
    return render.opened_session(opened)


async def read_session(call: Call) -> schemas.Session:
    """Read the caller's session."""
    found: identity_pb2.GetSessionResponse = await call.send(call.peers.sessions.GetSession)
    return render.session(found.session)


async def extend_session(call: Call) -> schemas.Session:
    """Move the end of the caller's session."""
    extended: identity_pb2.ExtendSessionResponse = await call.send(call.peers.sessions.ExtendSession)
    call.services.authenticator.forget(call.identity)
    return render.session(extended.session)


async def log_out(call: Call) -> schemas.Message:
    """End the caller's session."""
    await call.send(call.peers.sessions.CloseSession)
    call.services.authenticator.revoke(call.identity.credential_id)
    return schemas.Message("Logged out successfully")


_NO_SESSION = "An operator's key has no session: 409."

ROUTES = (
    _route(
        "POST",
        "/api/auth/login",
        "login",
        "Open a session for a worker",
        log_in,
        schemas.OpenedSession,
        queue_pb2.OpenSessionRequest,
        body=Login,
        places={"project_id": "project", "allow_multiple_sessions": "allow_multiple"},
        access=Access.OPEN,
        errors=(401, 403, 404),
        description="Needs no token: whoever knows the project's id may come in, unless the project asks for a key. "
        "With a key of the project's operator, `projectId` may also be the project's name.",
    ),
    _route(
        "POST",
        "/api/auth/logout",
        "logout",
        "End the session",
        log_out,
        schemas.Message,
        identity_pb2.CloseSessionRequest,
        errors=(403, 409),
        description=_NO_SESSION,
    ),
    _route(
        "GET",
        _SESSION,
        "getSession",
        "Read the session",
        read_session,
        schemas.Session,
        identity_pb2.GetSessionRequest,
        errors=(403, 409),
        description=_NO_SESSION,
    ),
    _route(
        "PUT",
        _SESSION,
        "extendSession",
        "Move the end of the session",
        extend_session,
        schemas.Session,
        identity_pb2.ExtendSessionRequest,
        body=SessionExtension,
        places={"extend_by": "extend_by_seconds"},
        errors=(403, 409),
        description=_NO_SESSION,
    ),
)
