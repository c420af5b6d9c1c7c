"""The rate limits of the free tools, per client address: each costs a model call or a request to the outside."""

from __future__ import annotations

from gateway.buckets import OTHER, Buckets

_PREFIX = "/api/v1/"
_RATES = {
    "brief/generate": "10/hour",
    "brief/suggestions": "60/hour",
    "signature/tagline": "10/hour",
    "signature/scrape-website": "5/hour",
    OTHER: "300/minute",
}


def _part(method: str, path: str) -> str:
    # Only what uses a tool takes from its few uses.
    return path.removeprefix(_PREFIX) if method == "POST" else OTHER


BUCKETS = Buckets(_RATES, _part)
