"""The rate limits of the free tools, per client address: each costs a model call or a request to the outside."""

from __future__ import annotations

from gateway.routing import Buckets

_PREFIX = "/api/v1/"
_OTHER = "other"
_RATES = {
    "brief/generate": "10/hour",
    "brief/suggestions": "60/hour",
    "signature/tagline": "10/hour",
    "signature/scrape-website": "5/hour",
    _OTHER: "300/minute",
}


def _choose(method: str, path: str) -> str | None:
    if method == "OPTIONS":
        return None
    tool = path.removeprefix(_PREFIX)
    # Only what uses a tool takes from its few uses.
    return tool if method == "POST" and tool in _RATES else _OTHER


BUCKETS = Buckets(_RATES, _choose)
