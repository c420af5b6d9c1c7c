"""The face of the free tools as a whole."""

from __future__ import annotations

from gateway.faces.market.dialect import MarketDialect
from gateway.faces.tools.buckets import BUCKETS
from gateway.faces.tools.routes import CHAPTER, routes
from gateway.routing import Face
from kit.outbound.client import OutboundClient

_BODY_LIMIT_BYTES = 64 * 1024
_MEANINGS = {
    401: "A credential that is not valid (any more); none is needed",
    403: "The credential is of an agent that may not act now; none is needed",
    413: "The body is larger than 64 kB",
    422: "The body breaks a rule, or the page may not or cannot be read",
    503: "The model does not answer now; `Retry-After` says when to come again",
}


def face(outbound: OutboundClient | None = None) -> Face:
    """Return the face; it speaks as the market does.

    Args:
        outbound: asks the pages that strangers name; only public ones unless told otherwise.
    """
    return Face(
        "tools",
        "/api/v1/brief/",
        routes(outbound or OutboundClient()),
        MarketDialect(),
        chapters=(CHAPTER,),
        buckets=BUCKETS,
        spell=str,
        meanings=_MEANINGS,
        about="Free tools: briefs, taglines, pages in text",
        more_prefixes=("/api/v1/signature/",),
        body_limit=_BODY_LIMIT_BYTES,
    )
