"""What an operator's plan leaves to it, for the headers of every answer."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import grpc.aio
from piecework.billing.v1 import plans_pb2

from gateway.call import Call
from gateway.limits import Allowance

_KNOWN_SECONDS = 5.0
_CAPACITY = 10_000
_TIMEOUT_SECONDS = 2.0


class Quotas:
    """Tells callers how many runs are left to them.

    Only runs count, so that a poll may be told what was known some seconds ago.

    Args:
        now: the time in seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._known: OrderedDict[int, tuple[Allowance | None, float]] = OrderedDict()

    async def show(self, call: Call) -> None:
        """Put what is left into the headers of the answer."""
        operator_id = call.identity.caller.operator_id
        if not operator_id:
            return
        known = self._known.get(operator_id)
        if known is None or known[1] <= self._now():
            await self.refresh(call)
        elif known[0] is not None:
            call.exchange.tell(known[0])

    async def refresh(self, call: Call) -> None:
        """Ask what is left, because it has changed, and put it into the headers of the answer."""
        operator_id = call.identity.caller.operator_id
        try:
            request = plans_pb2.ReadUsageRequest()
            usage = await call.send(call.peers.plans.ReadUsage, request, within=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            # Headers are no reason to refuse anything.
            return
        known = self._known.get(operator_id)
        if known is not None and call.exchange.allowance is known[0]:
            call.exchange.allowance = None  # what was told is no longer so
        left = tightest(usage.usage, self._now())
        self._known[operator_id] = (left, self._now() + _KNOWN_SECONDS)
        self._known.move_to_end(operator_id)
        while len(self._known) > _CAPACITY:
            self._known.popitem(last=False)
        if left is not None:
            call.exchange.tell(left)


def tightest(windows: Iterable[plans_pb2.QuotaUsage], now: float) -> Allowance | None:
    """Return what is left in the window that leaves least; of equals the one that lasts longest; None without any."""
    allowances = [_allowance(window, now) for window in windows]
    return min(allowances, key=lambda each: (each.remaining, -each.reset_at), default=None)


def _allowance(window: plans_pb2.QuotaUsage, now: float) -> Allowance:
    reset_at = window.resets_at.seconds
    return Allowance(window.limit, max(0, window.limit - window.used), reset_at, max(1, int(reset_at - now)))
