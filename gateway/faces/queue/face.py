"""The queue face as a whole."""

from __future__ import annotations

from gateway.faces.queue.dialect import WORDS, QueueDialect
from gateway.faces.queue.routes import CHAPTERS, ROUTES
from gateway.routing import Access, Face


def face(rates: str) -> Face:
    """Return the queue face.

    Args:
        rates: its limit per client address, for example `100/15 minutes`; empty for none.
    """
    about = "Workers lease the tasks of projects"
    return Face("queue", "/api/", ROUTES, QueueDialect(), WORDS, rates, Access.CREDENTIAL, CHAPTERS, about=about)
