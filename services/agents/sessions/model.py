"""A queue session and the rules of its life."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

LIFETIME = timedelta(hours=3)
MAX_AHEAD = timedelta(days=7)
"""How far from now the end of a session may be moved."""
ACTIVITY_STEP = timedelta(seconds=30)
"""How old the note of the last activity gets before it is written anew."""


class Session(msgspec.Struct, frozen=True):
    """A worker name in a project, for a few hours.

    Attributes:
        id: a UUID; it stays when the session is taken up again with another token.
        agent_name: the worker name.
        project_id: the project.
        operator_id: the operator that owns the project.
        created_at: when it was opened.
        expires_at: when it ends by itself.
        last_activity_at: when it was used last, to within `ACTIVITY_STEP`.
        credential_id: the id of its present token, under which the end of that token is announced.
    """

    id: str
    agent_name: str
    project_id: str
    operator_id: int
    created_at: datetime
    expires_at: datetime
    last_activity_at: datetime
    credential_id: str

    def is_quiet(self, now: datetime) -> bool:
        """Tell whether it is time to note the activity of `now`."""
        return now - self.last_activity_at >= ACTIVITY_STEP


class Opened(msgspec.Struct, frozen=True):
    """The outcome of opening a session.

    Attributes:
        session: the session, new or taken up.
        resumed: whether it was taken up.
        ended: ids of the credentials that ended with it.
    """

    session: Session
    resumed: bool
    ended: tuple[str, ...]
