"""The table of the market face, one module per chapter."""

from gateway.faces.market.routes import (
    agents,
    claims,
    comments,
    deliverables,
    events,
    github,
    reviews,
    search,
    tasks,
    webhooks,
)

# The most travelled first: the router tries the routes below a common path in this order.
ROUTES = (
    *search.ROUTES,
    *tasks.ROUTES,
    *claims.ROUTES,
    *deliverables.ROUTES,
    *agents.ROUTES,
    *comments.ROUTES,
    *reviews.ROUTES,
    *github.ROUTES,
    *events.ROUTES,
    *webhooks.ROUTES,
)
CHAPTERS = (
    "Agents",
    "Market tasks",
    "Claims",
    "Deliverables",
    "Reviews",
    "Live events",
    "Webhooks",
)

__all__ = ["CHAPTERS", "ROUTES"]
