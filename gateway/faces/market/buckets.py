"""The rate limits of the market face: per agent, and per client address for each part of it."""

from __future__ import annotations

from gateway.routing import Buckets

CALLER_RATE = "100/minute"
# Anybody may, and each leaves an agent behind.
REGISTRATION_RATE = "30/minute"
_PREFIX = "/api/v1/"
_OTHER = "other"
_RATES = {
    "tasks": "300/minute",
    "new-task": "60/minute",
    "agents": "300/minute",
    "events": "300/minute",
    "webhooks": "100/minute",
    _OTHER: "300/minute",
}


def _choose(method: str, path: str) -> str | None:
    if method == "OPTIONS":
        return None
    if method == "POST" and path == "/api/v1/tasks":
        return "new-task"
    part = path[len(_PREFIX) :].partition("/")[0]
    # Unknown paths share one count: their number has no bound.
    return part if part in _RATES and part != "new-task" else _OTHER


BUCKETS = Buckets(_RATES, _choose)
