"""The runs face as a whole."""

from __future__ import annotations

from gateway.faces.runs.buckets import BUCKETS
from gateway.faces.runs.dialect import RunsDialect
from gateway.faces.runs.quota import Quotas
from gateway.faces.runs.refusals import BY_REASON
from gateway.faces.runs.routes import CHAPTERS, MORE_PREFIXES, PREFIX, routes
from gateway.headers import REQUEST_ID
from gateway.routing import Access, Face

_MEANINGS = {
    400: "The request cannot be read, or something in it breaks a rule; `errors` says what, all of it at once",
    403: "The credential, the plan or the credits of the operator do not allow this",
    401: "No key, or one that is not valid (any more); sessions of the queue are none",
    409: "The thing is not in a state that allows this",
    413: "The body or the file is too large",
    415: "A file of a type that is not supported",
    422: "The `Idempotency-Key` was used with another request; what breaks a rule is answered with 400",
    429: "The plan's runs are used up, too much came from one address, or too many streams are open; `Retry-After` "
    "says when to come again",
}


def face() -> Face:
    """Return the runs face."""
    return Face(
        "runs",
        PREFIX,
        routes(Quotas()),
        RunsDialect(),
        access=Access.CREDENTIAL,
        chapters=CHAPTERS,
        buckets=BUCKETS,
        spell=str,
        meanings=_MEANINGS,
        reasons=BY_REASON,
        more_prefixes=MORE_PREFIXES,
        id_header=REQUEST_ID,
        about="Several agents on one prompt, threads, files and live streams",
    )
