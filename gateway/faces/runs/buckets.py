"""The rate limits of the runs face, per client address.

What clients poll is not limited: published ones give up waiting for a run at the first refusal.
"""

from __future__ import annotations

import re

from gateway.buckets import OTHER, Buckets

_ATTACHMENTS = "attachments"
_RATES = {_ATTACHMENTS: "30/minute", OTHER: "300/minute"}
_REFUSALS = {_ATTACHMENTS: "Attachment upload rate limit exceeded", OTHER: "User rate limit exceeded"}
_POLLED = re.compile(r"/api/(?:v1/)?(?:developer/)?(?:status|results|stream|tasks)/")
_UPLOAD = re.compile(r"/api/(?:v1/)?attachments/upload")


def _part(method: str, path: str) -> str | None:
    if method in ("GET", "HEAD") and _POLLED.match(path):
        return None
    return _ATTACHMENTS if method == "POST" and _UPLOAD.fullmatch(path) else OTHER


BUCKETS = Buckets(_RATES, _part, _REFUSALS)
