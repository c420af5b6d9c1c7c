"""Opens, reads, extends and ends the sessions of queue workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kit.caller import READ, Caller
from kit.clock import Clock
from kit.ids import new_id
from services.agents.secret import Secret, new_session_token
from services.agents.sessions.errors import ExtendedTooFar, NoSession, ServicesOnly, SessionEnded
from services.agents.sessions.model import LIFETIME, MAX_AHEAD, Opened, Session

if TYPE_CHECKING:
    from services.agents.sessions.store import SessionStore


class SessionService:
    """The use cases of sessions.

    Args:
        store: where they are kept.
        note_activity: writes down, later and off the caller's way, that a session was used at a time.
        revoke: announces to all processes that the credential of an id has ended; never raises.
        clock: the time.
    """

    def __init__(
        self,
        store: SessionStore,
        note_activity: Callable[[str, datetime], None],
        revoke: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._store = store
        self._note_activity = note_activity
        self._revoke = revoke
        self._clock = clock

    async def identify(self, token: Secret) -> Session | None:
        """Return the live session that `token` belongs to, None when there is none."""
        session = await self._store.find_by_token(token)
        now = self._clock.now()
        if session is None or session.expires_at <= now:
            return None
        if session.is_quiet(now):
            self._note_activity(session.id, now)
        return session

    async def open(
        self,
        caller: Caller,
        *,
        operator_id: int,
        project_id: str,
        agent_name: str,
        resume_existing: bool,
        allow_multiple: bool,
    ) -> tuple[Opened, Secret]:
        """Open a session, or take up the newest live one of that name in that project with a new token.

        Unless `allow_multiple`, every other session of that name in that project ends.

        Raises:
            PermissionDenied: the caller is not a service.
        """
        _require_service(caller)
        now = self._clock.now()
        wanted = Session(
            id=new_id(),
            agent_name=agent_name,
            project_id=project_id,
            operator_id=operator_id,
            created_at=now,
            expires_at=now + LIFETIME,
            last_activity_at=now,
            credential_id=new_id(),
        )
        token = new_session_token()
        opened = await self._store.open(wanted, token, resume=resume_existing, keep_others=allow_multiple)
        for credential_id in opened.ended:
            self._revoke(credential_id)
        return opened, token

    async def get(self, caller: Caller) -> Session:
        """Return the caller's session.

        Raises:
            NoSession: the caller has none.
            SessionEnded: it has ended.
        """
        session = await self._store.find_live(_session_id(caller), self._clock.now())
        if session is None:
            raise SessionEnded
        return session

    async def extend(self, caller: Caller, seconds: int) -> Session:
        """Move the end of the caller's session by `seconds`.

        Raises:
            NoSession: the caller has none.
            SessionEnded: it has ended.
            ExtendedTooFar: the new end would lie more than `MAX_AHEAD` from now.
        """
        session_id, now = _session_id(caller), self._clock.now()
        session = await self._store.extend(session_id, timedelta(seconds=seconds), now, now + MAX_AHEAD)
        if session is not None:
            return session
        if await self._store.find_live(session_id, now) is None:
            raise SessionEnded
        raise ExtendedTooFar(MAX_AHEAD.days)

    async def close(self, caller: Caller) -> None:
        """End the caller's session at once.

        Raises:
            NoSession: the caller has none.
            SessionEnded: it has ended already.
        """
        credential_id = await self._store.remove(_session_id(caller), self._clock.now())
        if credential_id is None:
            raise SessionEnded
        self._revoke(credential_id)

    async def close_project(self, caller: Caller, project_id: str) -> int:
        """End every session of a project at once, and return how many were open.

        Raises:
            PermissionDenied: the caller is not a service.
        """
        _require_service(caller)
        ended = await self._store.remove_project(project_id, self._clock.now())
        for credential_id in ended:
            self._revoke(credential_id)
        return len(ended)


def _require_service(caller: Caller) -> None:
    if caller.is_service:
        return
    _require_somebody(caller)
    raise ServicesOnly


def _require_somebody(caller: Caller) -> None:
    if caller.kind == "anonymous":
        caller.require(READ)


def _session_id(caller: Caller) -> str:
    _require_somebody(caller)
    if not caller.session_id:
        raise NoSession
    return caller.session_id
