"""Builds the service `agents` from its parts."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import identity_pb2_grpc

from kit.host import Registration
from kit.redis import REVOKED_CHANNEL, Wakeups
from kit.target import Resources, Target
from services.agents.identity.handlers import IdentityHandlers
from services.agents.identity.service import IdentityService
from services.agents.identity.store import IdentityStore
from services.agents.sessions.handlers import SessionHandlers
from services.agents.sessions.loops import ActivityRecorder
from services.agents.sessions.service import SessionService
from services.agents.sessions.store import SessionStore

# Of the creating calls only this one may keep its answer for a retry: the answers of the others hold a secret, which is
# shown once and never stored. A lost answer is made up for by another key, or by opening the session again.
_IDEMPOTENT = frozenset({"/piecework.agents.v1.IdentityService/CreateOperator"})


def build(resources: Resources) -> Target:
    """Return the service, ready to be hosted."""
    database = resources.database("agents")
    identity_store, session_store = IdentityStore(database), SessionStore(database)
    revocations = Wakeups(resources.redis, REVOKED_CHANNEL)
    activity = ActivityRecorder(session_store.note_activity)
    sessions = SessionService(session_store, activity.note, revocations.publish, resources.clock)
    identity = IdentityService(identity_store, sessions, revocations.publish, resources.clock)

    def register(server: Any) -> None:
        identity_pb2_grpc.add_IdentityServiceServicer_to_server(IdentityHandlers(identity), server)
        identity_pb2_grpc.add_SessionServiceServicer_to_server(SessionHandlers(sessions), server)

    async def start() -> None:
        await identity_store.prepare()
        await session_store.prepare()
        await revocations.start()

    async def stop() -> None:
        await activity.close()
        await revocations.close()

    return Target(
        name="agents",
        registrations=[
            Registration(register, ["piecework.agents.v1.IdentityService", "piecework.agents.v1.SessionService"])
        ],
        idempotent_methods=_IDEMPOTENT,
        start=start,
        stop=stop,
    )
