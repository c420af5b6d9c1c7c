"""What is known about one request while it is being answered."""

from __future__ import annotations

from aiohttp import web

from gateway.limits import Allowance
from kit.caller import ANONYMOUS, Caller


class Exchange:
    """One request and what was found out about it.

    Attributes:
        correlation_id: the id under which it is logged.
        started: when it came, in seconds of the performance counter.
        client: the client's address.
        secure: whether it came over HTTPS.
        route: the path template of its route, or `unmatched`: never the path itself, whose values have no bound.
        caller: the party that it acts for.
        status: of the answer, as soon as it has begun.
        allowance: what the rate limit leaves to the client; None when it is not limited.
        id_header: a header that repeats the id in the answer, beside the usual one; empty for none.
        streaming_since: when the answer began that goes on as long as the client stays; 0 for one that ends by itself.
    """

    __slots__ = (
        *("allowance", "caller", "client", "correlation_id", "id_header"),
        *("route", "secure", "started", "status", "streaming_since"),
    )

    def __init__(self, correlation_id: str, started: float, client: str, *, secure: bool) -> None:
        self.correlation_id = correlation_id
        self.started = started
        self.client = client
        self.secure = secure
        self.route = "unmatched"
        self.caller: Caller = ANONYMOUS
        self.allowance: Allowance | None = None
        self.status = 0
        self.id_header = ""
        self.streaming_since = 0.0

    def tell(self, allowance: Allowance) -> None:
        """Tell the client of a limit, unless it will meet another one earlier."""
        if self.allowance is None or allowance.remaining < self.allowance.remaining:
            self.allowance = allowance


EXCHANGE = web.RequestKey("exchange", Exchange)
