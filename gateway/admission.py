"""Whether a request is let in: by where it comes from, and by whom it acts for."""

from __future__ import annotations

from typing import Any, NoReturn

from gateway.buckets import STRANGERS
from gateway.errors import Failure
from gateway.exchange import Exchange
from gateway.limits import Allowance, RateLimiter, SlidingLimiter, limit_key
from gateway.routing import Face

RATE_LIMITED = "RATE_LIMITED"
CALLER_RATE_LIMITED = "CALLER_RATE_LIMITED"
_TOO_MANY = "Too many requests from this IP, please try again later."


class Admission:
    """The limits of one face.

    Args:
        face: the face.
        connection_pool: the pool of a redis-py client; None counts in this process alone.
    """

    def __init__(self, face: Face, connection_pool: Any = None) -> None:
        self._buckets = buckets = face.buckets
        rates = {"": face.rates} if buckets is None else {**buckets.rates, STRANGERS: buckets.strangers}
        self._by_address = {
            name: RateLimiter(rate, f"{face.name}:{name}" if name else face.name, connection_pool)
            for name, rate in rates.items()
            if rate
        }
        self._by_caller = (
            SlidingLimiter(face.caller_rates, f"{face.name}:caller", connection_pool) if face.caller_rates else None
        )

    async def by_address(self, method: str, path: str, exchange: Exchange) -> None:
        """Count a request of an address.

        Raises:
            Failure: 429, there were too many.
        """
        part = "" if self._buckets is None else self._buckets.choose(method, path)
        if part in self._by_address:
            await self._count(part, exchange)

    async def of_unknown(self, exchange: Exchange) -> None:
        """Look, without counting, whether a credential that nobody has shown yet may be tried, if no limit counts it.

        Raises:
            Failure: 429, too many were not valid; then the right one must not be told from the others.
        """
        if self._buckets is not None and exchange.allowance is None:
            allowance = await self._by_address[STRANGERS].look(limit_key(exchange.client))
            if allowance.remaining <= 0:
                self._refuse(STRANGERS, allowance, exchange)

    async def of_stranger(self, exchange: Exchange) -> None:
        """Count a request with a credential that is not valid, if no limit has counted it yet: guesses have one.

        Raises:
            Failure: 429, there were too many.
        """
        if self._buckets is not None and exchange.allowance is None:
            await self._count(STRANGERS, exchange)

    async def by_caller(self, exchange: Exchange) -> None:
        """Count a request of the caller of `exchange`, an agent or else an operator.

        Raises:
            Failure: 429, there were too many.
        """
        if self._by_caller is None:
            return
        caller = exchange.caller
        who = f"agent:{caller.agent_id}" if caller.agent_id else f"operator:{caller.operator_id}"
        allowance = await self._by_caller.hit(who)
        exchange.tell(allowance)
        if allowance.remaining < 0:
            raise _refused(allowance, CALLER_RATE_LIMITED, _TOO_MANY)

    async def _count(self, part: str, exchange: Exchange) -> None:
        allowance = await self._by_address[part].hit(limit_key(exchange.client))
        exchange.tell(allowance)
        if allowance.remaining < 0:
            self._refuse(part, allowance, exchange)

    def _refuse(self, part: str, allowance: Allowance, exchange: Exchange) -> NoReturn:
        exchange.tell(allowance)
        message = _TOO_MANY if self._buckets is None else self._buckets.refusals.get(part, _TOO_MANY)
        raise _refused(allowance, RATE_LIMITED, message)


def _refused(allowance: Allowance, reason: str, message: str) -> Failure:
    return Failure(429, message, headers={"Retry-After": str(allowance.wait_seconds)}, reason=reason)
