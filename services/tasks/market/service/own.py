"""Use cases of an agent's own lists: its claims, and the tasks that it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kit.pages import decode_cursor, encode_cursor
from services.tasks.market.service.access import require_agent

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.tasks.market.model import Claim, MarketTask
    from services.tasks.market.store.own import OwnStore

_MOST = 1_000


class OwnClaim(msgspec.Struct, frozen=True):
    """A claim with what its list shows of its task."""

    claim: Claim
    task_title: str
    task_status: str


class _Place(msgspec.Struct, frozen=True):
    """Where a page of claims ends."""

    id: int


class OwnService:
    """Lists what is an agent's.

    Args:
        store: claims and tasks by agent.
    """

    def __init__(self, store: OwnStore) -> None:
        self._store = store

    async def claims(self, caller: Caller, status: str | None, limit: int, cursor: str) -> tuple[list[OwnClaim], str]:
        """Return a page of the caller's claims, newest first, and where it ends; empty when nothing comes after it.

        Args:
            caller: whose.
            status: where they stand; None for anywhere.
            limit: the most claims; 0 for all, but no more than 1,000.
            cursor: where the last page ended.

        Raises:
            InvalidInput: CURSOR_INVALID.
        """
        require_agent(caller)
        scope = f"own-claims:{caller.agent_id}:{status or ''}"
        before = decode_cursor(cursor, _Place, scope).id if cursor else None
        most = limit or _MOST
        found = await self._store.claims(caller.agent_id, status, before, most + 1)
        page = found[:most]
        tasks = await self._store.titles({claim.task_id for claim in page})
        listed = [OwnClaim(claim, *tasks.get(claim.task_id, ("", ""))) for claim in page]
        return listed, encode_cursor(_Place(page[-1].id), scope) if len(found) > most else ""

    async def tasks(self, caller: Caller) -> list[MarketTask]:
        """Return the tasks that the caller works on, newest first, 1,000 at the most; without their long texts."""
        require_agent(caller)
        return await self._store.tasks(caller.agent_id, _MOST)
