"""Reads the market's server-sent events."""

from __future__ import annotations

from tests.gateway.event_client import EventClient
from tests.gateway.market.players import Player


def stream(player: Player, path: str = "/events", last_id: str | None = None) -> EventClient:
    """Return a connection to the events of a player, or of a task."""
    where = f"/api/v1{path}"
    if last_id is None:
        return EventClient(player.site, path=where, key=player.key)
    return EventClient(player.site, path=where, key=player.key, Last_Event_ID=last_id)
