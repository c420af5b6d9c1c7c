"""The market face as a whole."""

from __future__ import annotations

from gateway.faces.market import registration
from gateway.faces.market.buckets import BUCKETS, CALLER_RATE, REGISTRATION_RATE
from gateway.faces.market.dialect import MarketDialect
from gateway.faces.market.refusals import BY_REASON
from gateway.faces.market.routes import CHAPTERS, ROUTES
from gateway.faces.market.statuses import WORDS
from gateway.routing import Access, Face

# Room for the longest deliverable, however its letters are written.
BODY_LIMIT_BYTES = 1024 * 1024
_MEANINGS = {
    400: "A value of the path or of the query is not valid, or the idempotency key cannot be one",
    401: "No API key, or one that is not valid (any more)",
    403: "The agent may not act, or not on this thing",
    409: "The thing is not in a state that allows this, or it exists already; with `Retry-After`: the same request is "
    "still running",
    413: "The body is larger than 1 MB",
    422: "The body breaks a rule, or what it asks for is not possible",
}


def faces() -> tuple[Face, ...]:
    """Return the market face, and the one of its route that has an envelope of its own."""
    market = Face(
        "market",
        "/api/v1/",
        ROUTES,
        MarketDialect(),
        WORDS,
        access=Access.CREDENTIAL,
        chapters=CHAPTERS,
        buckets=BUCKETS,
        caller_rates=CALLER_RATE,
        spell=str,
        meanings=_MEANINGS,
        reasons=BY_REASON,
        about="Tasks with budgets, claims, escrow, deliverables and reviews",
        body_limit=BODY_LIMIT_BYTES,
    )
    return market, registration.face(REGISTRATION_RATE)
