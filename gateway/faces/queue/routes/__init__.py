"""The table of the queue face, one module per chapter."""

from __future__ import annotations

from gateway.faces.queue.routes import auth, events, projects, tasks, types, work
from gateway.routing import Route


def table() -> tuple[Route, ...]:
    """Return all rows."""
    return (
        *auth.routes(),
        *projects.routes(),
        *types.routes(),
        *tasks.routes(),
        *work.routes(),
        *events.routes(),
    )
