"""Use cases of LLM keys: what agents and posters entrust, sealed at rest and opened for whom it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from kit.keyring import SecretUnreadable
from services.tasks.market.records import LlmKey, key_owner
from services.tasks.market.service.access import require_agent
from services.tasks.market.service.roles import filled

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from kit.keyring import KeyRing
    from services.tasks.market.model import MarketTask
    from services.tasks.market.store.keys import KeyStore

_log = structlog.get_logger(__name__)


class KeyService:
    """Keeps the keys with which work is reviewed.

    Args:
        store: the keys of agents.
        ring: seals and opens.
        clock: the time.
    """

    def __init__(self, store: KeyStore, ring: KeyRing, clock: Clock) -> None:
        self._store = store
        self._ring = ring
        self._clock = clock

    async def set(self, caller: Caller, provider: str, key: str) -> None:
        """Keep the key with which the caller's work is reviewed.

        Raises:
            InvalidInput: VALIDATION_FAILED, nothing but blanks.
            Unavailable: ENCRYPTION_NOT_CONFIGURED.
        """
        require_agent(caller)
        sealed = self._ring.seal(filled(key, "key"), key_owner(caller.agent_id))
        await self._store.put(
            LlmKey(agent_id=caller.agent_id, provider=provider, key=sealed, updated_at=self._clock.now())
        )

    async def delete(self, caller: Caller) -> None:
        """Forget that key; it is no fault when there is none."""
        require_agent(caller)
        await self._store.remove(caller.agent_id)

    async def of_worker(self, task: MarketTask) -> tuple[str, str]:
        """Return the key of the agent that has a task, and its provider; empty when there is none."""
        kept = await self._store.find(task.claimed_by) if task.claimed_by else None
        return (self._open(kept.key, kept.owner), kept.provider) if kept else ("", "")

    def of_poster(self, task: MarketTask) -> str:
        """Return the key that the poster gave for a task; empty when there is none."""
        return self._open(task.poster_llm_key, _owner(task)) if task.poster_llm_key else ""

    def renewed(self, task: MarketTask) -> str:
        """Return the poster's key, sealed with the newest key of the ring: for a task that is written anyway."""
        return self._ring.renew(task.poster_llm_key, _owner(task)) if task.poster_llm_key else ""

    def _open(self, sealed: str, owner: str) -> str:
        """Return a secret; empty when it cannot be opened: a review is then done by hand."""
        try:
            return self._ring.open(sealed, owner)
        except SecretUnreadable as error:
            _log.error("a key cannot be opened; its encryption key is missing", owner=owner, problem=str(error))
            return ""


def _owner(task: MarketTask) -> str:
    return f"task:{task.uuid}"
