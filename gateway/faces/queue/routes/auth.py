"""Sessions of workers: a worker name in a project, for a few hours."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import identity_pb2
from piecework.tasks.v1 import queue_pb2

from gateway.call import Call
from gateway.faces.queue import render, schemas
from gateway.faces.queue.requests import Login, SessionExtension
from gateway.routing import Access, Route

_TAG = "Authentication"


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


def routes() -> tuple[Route, ...]:
    """Return the rows of this chapter."""
    shared: dict[str, Any] = {"tag": _TAG}
    return (
        Route(
            "POST",
            "/api/auth/login",
            "login",
            "Open a session for a worker",
            handler=log_in,
            answer=schemas.OpenedSession,
            request=queue_pb2.OpenSessionRequest,
            body=Login,
            places={"project_id": "project", "allow_multiple_sessions": "allow_multiple"},
            access=Access.OPEN,
            errors=(401, 403, 404),
            description="Needs no token: whoever knows the project's id may come in, unless the project asks for a "
            "key. With a key of the project's operator, `projectId` may also be the project's name.",
            **shared,
        ),
        Route(
            "POST",
            "/api/auth/logout",
            "logout",
            "End the session",
            handler=log_out,
            answer=schemas.Message,
            request=identity_pb2.CloseSessionRequest,
            errors=(409,),
            description=_NO_SESSION,
            **shared,
        ),
        Route(
            "GET",
            "/api/auth/session",
            "getSession",
            "Read the session",
            handler=read_session,
            answer=schemas.Session,
            request=identity_pb2.GetSessionRequest,
            errors=(409,),
            description=_NO_SESSION,
            **shared,
        ),
        Route(
            "PUT",
            "/api/auth/session",
            "extendSession",
            "Move the end of the session",
            handler=extend_session,
            answer=schemas.Session,
            request=identity_pb2.ExtendSessionRequest,
            body=SessionExtension,
            places={"extend_by": "extend_by_seconds"},
            errors=(409,),
            description=_NO_SESSION,
            **shared,
        ),
    )
