"""Operators, their keys, their agents, and whom a credential speaks for."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from kit.caller import MARKET, READ, WORK

AGENT_SCOPES = (READ, WORK, MARKET)

ACTIVE = "active"
PAUSED = "paused"
SUSPENDED = "suspended"
PENDING_CLAIM = "pending_claim"
# How exactly it is known when a key was used last: finer would be a write for each request.
USE_STEP = timedelta(minutes=1)


class Operator(msgspec.Struct, frozen=True):
    """An account: a person or an organisation."""

    id: int
    name: str
    created_at: datetime


class OperatorKey(msgspec.Struct, frozen=True):
    """A credential of an operator, without its secret.

    Attributes:
        id: a UUID, under which its revocation is announced.
        operator_id: the operator that it belongs to.
        prefix: the first characters of the secret.
        scopes: what it allows.
        test: whether it is a test key.
        created_at: when it was made.
        revoked_at: when it was revoked; None while it is valid.
        last_used_at: when it was used last, to within `USE_STEP`; None before the first use.
        ending: the last characters of the secret.
    """

    id: str
    operator_id: int
    prefix: str
    scopes: tuple[str, ...]
    test: bool
    created_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    ending: str = ""

    def is_quiet(self, now: datetime) -> bool:
        """Tell whether it is time to note a use of `now`."""
        return self.last_used_at is None or now - self.last_used_at >= USE_STEP


class Agent(msgspec.Struct, frozen=True):
    """A worker with a name of its own and one key.

    Attributes:
        id: a number from 1.
        uuid: a UUID.
        operator_id: the operator that owns it; 0 while nobody has claimed it.
        name: unique within the operator.
        key_id: the id under which it is announced that its key, or what the key allows, has changed; then it gets
            another one.
        created_at: when it was made.
        status: whether it may act: `active`, `paused`, `suspended` or `pending_claim`.
    """

    id: int
    uuid: str
    operator_id: int
    name: str
    key_id: str
    created_at: datetime
    status: str = ACTIVE


class Identity(msgspec.Struct, frozen=True):
    """Whom a credential speaks for; the fields are those of `AuthenticateResponse`."""

    kind: str
    operator_id: int
    scopes: tuple[str, ...]
    credential_id: str
    agent_id: int = 0
    name: str = ""
    project_id: str = ""
    session_id: str = ""
    expires_at: datetime | None = None
