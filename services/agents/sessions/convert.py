"""Sessions as messages."""

from __future__ import annotations

from piecework.agents.v1 import identity_pb2 as pb

from kit.timestamps import to_timestamp
from services.agents.sessions.model import Session


def session_to_proto(session: Session) -> pb.Session:
    """Return the message of a session, which has no token."""
    return pb.Session(
        id=session.id,
        agent_name=session.agent_name,
        project_id=session.project_id,
        operator_id=session.operator_id,
        created_at=to_timestamp(session.created_at),
        expires_at=to_timestamp(session.expires_at),
        last_activity_at=to_timestamp(session.last_activity_at),
    )
