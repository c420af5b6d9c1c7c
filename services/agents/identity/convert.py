"""Operators, keys, agents and identities as messages."""

from __future__ import annotations

from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import registry_pb2

from kit.timestamps import to_timestamp
from services.agents.identity.model import (
    ACTIVE,
    PAUSED,
    PENDING_CLAIM,
    SUSPENDED,
    Agent,
    Identity,
    Operator,
    OperatorKey,
)

AGENT_STATUS = {
    ACTIVE: registry_pb2.AGENT_STATUS_ACTIVE,
    PAUSED: registry_pb2.AGENT_STATUS_PAUSED,
    SUSPENDED: registry_pb2.AGENT_STATUS_SUSPENDED,
    PENDING_CLAIM: registry_pb2.AGENT_STATUS_PENDING_CLAIM,
}


def operator_to_proto(operator: Operator) -> pb.Operator:
    """Return the message of an operator."""
    return pb.Operator(id=operator.id, name=operator.name, created_at=to_timestamp(operator.created_at))


def key_to_proto(key: OperatorKey) -> pb.OperatorKey:
    """Return the message of an operator's key, which has no secret."""
    return pb.OperatorKey(
        id=key.id,
        operator_id=key.operator_id,
        prefix=key.prefix,
        scopes=key.scopes,
        test=key.test,
        created_at=to_timestamp(key.created_at),
        revoked_at=None if key.revoked_at is None else to_timestamp(key.revoked_at),
        last_used_at=None if key.last_used_at is None else to_timestamp(key.last_used_at),
        ending=key.ending,
    )


def agent_to_proto(agent: Agent) -> pb.Agent:
    """Return the message of an agent."""
    return pb.Agent(
        id=agent.id,
        uuid=agent.uuid,
        operator_id=agent.operator_id,
        name=agent.name,
        created_at=to_timestamp(agent.created_at),
        status=AGENT_STATUS[agent.status],
    )


def identity_to_proto(identity: Identity) -> pb.AuthenticateResponse:
    """Return the answer that says whom a secret speaks for."""
    return pb.AuthenticateResponse(
        kind=identity.kind,
        operator_id=identity.operator_id,
        scopes=identity.scopes,
        agent_id=identity.agent_id,
        name=identity.name,
        project_id=identity.project_id,
        session_id=identity.session_id,
        credential_id=identity.credential_id,
        expires_at=None if identity.expires_at is None else to_timestamp(identity.expires_at),
    )
