"""What a transition of a task writes besides the task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pymongo.asynchronous.client_session import AsyncClientSession

# Takes part in the transaction of the session. Raises `Stale` when what it changes is no longer as it was read, and a
# domain error to refuse; either way nothing of the transition happens.
Write: TypeAlias = Callable[[AsyncClientSession], Awaitable[None]]


class Stale(Exception):
    """Somebody else was first; what was read has to be read again."""
