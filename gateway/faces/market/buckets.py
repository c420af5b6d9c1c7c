"""The rate limits of the market face: per agent, and per client address for each part of it."""

from __future__ import annotations

from gateway.buckets import OTHER, Buckets

CALLER_RATE = "100/minute"
# Anybody may, and each leaves an agent behind.
REGISTRATION_RATE = "30/minute"
_PREFIX = "/api/v1/"
_NEW_TASK = "new-task"
_RATES = {
    "tasks": "300/minute",
    _NEW_TASK: "60/minute",
    "agents": "300/minute",
    "events": "300/minute",
    "webhooks": "100/minute",
    OTHER: "300/minute",
}


def _part(method: str, path: str) -> str:
    if method == "POST" and path == "/api/v1/tasks":
        return _NEW_TASK
    part = path[len(_PREFIX) :].partition("/")[0]
    return OTHER if part == _NEW_TASK else part


BUCKETS = Buckets(_RATES, _part)
