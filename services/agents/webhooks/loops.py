"""Sends what waits: to many endpoints at once, to each one thing after the other."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from kit.background import end
from kit.errors import Unavailable
from services.agents.webhooks.model import Delivery, Endpoint, Round, after, rest_after
from services.agents.webhooks.store.endpoints import HOLD

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.agents.webhooks.courier import Courier
    from services.agents.webhooks.metrics import WebhookMetrics
    from services.agents.webhooks.store.deliveries import DeliveryStore
    from services.agents.webhooks.store.endpoints import EndpointStore

_BATCH = 8
# With the last attempt, which may begin just before, still well within the hold.
_TURN = HOLD / 6
_BROKEN_REST = timedelta(seconds=60)
_log = structlog.get_logger(__name__)


def some_jitter() -> float:
    """Return by how much a pause is stretched: up to a tenth."""
    return random.uniform(1.0, 1.1)  # noqa: S311 - no secret


class Sender:
    """Delivers what is due. Every replica runs one; an endpoint is held by one of them at a time.

    A process that dies while it sends leaves the delivery as it was: another sends it again, with the same id.

    Args:
        endpoints: which webhooks have something to get.
        deliveries: what that is.
        courier: makes one attempt.
        metrics: counts.
        clock: the time.
        jitter: stretches the pauses between attempts.
        tick_seconds: how often to look without being woken.
        concurrency: the most endpoints at once: so many that some that hang take the place of no other.
        share: the most of them that may be of one operator, and never more than are free. So there is a place for an
            operator that has none, however many endpoints of others hang.
    """

    def __init__(
        self,
        endpoints: EndpointStore,
        deliveries: DeliveryStore,
        courier: Courier,
        metrics: WebhookMetrics,
        clock: Clock,
        *,
        jitter: Callable[[], float] = some_jitter,
        tick_seconds: float = 1.0,
        concurrency: int = 256,
        share: int = 64,
    ) -> None:
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._courier = courier
        self._metrics = metrics
        self._clock = clock
        self._jitter = jitter
        self._tick_seconds = tick_seconds
        self._concurrency = concurrency
        self._share = share
        self._woken = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self._of_operator: Counter[int] = Counter()

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Send for ever."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self._begin()
                except Unavailable as error:
                    _log.warning("nothing can be delivered now", problem=error.message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._tick_seconds):
                        await self._woken.wait()
        finally:
            await end(self._serving)

    async def work_off(self) -> None:
        """Send what is due until nothing is."""
        while True:
            self._woken.clear()
            await self._begin()
            if self._serving:
                await asyncio.wait(self._serving, return_when=asyncio.FIRST_COMPLETED)
            elif not self._woken.is_set():  # an endpoint that was let go while it looked may have more
                return

    async def _begin(self) -> int:
        """Take on endpoints that have something due, as many as there is room for; returns how many."""
        begun = 0
        while len(self._serving) < self._concurrency:
            most = min(self._share, self._concurrency - len(self._serving))
            sated = [operator_id for operator_id, count in self._of_operator.items() if count >= most]
            endpoint = await self._endpoints.claim(self._clock.now(), sated)
            if endpoint is None:
                break
            task = asyncio.create_task(self._serve(endpoint))
            self._serving.add(task)
            self._of_operator[endpoint.operator_id] += 1
            task.add_done_callback(partial(self._ended, endpoint.operator_id))
            begun += 1
        return begun

    def _ended(self, operator_id: int, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        self._of_operator[operator_id] -= 1
        if not self._of_operator[operator_id]:
            del self._of_operator[operator_id]
        self._woken.set()

    async def _serve(self, endpoint: Endpoint) -> None:
        try:
            await self._finish(endpoint, await self._send(endpoint))
        except asyncio.CancelledError:
            with contextlib.suppress(Unavailable):
                await self._endpoints.let_go(endpoint)
            raise
        except Unavailable as error:
            _log.warning("an endpoint is left until its hold ends", webhook=endpoint.webhook_id, problem=error.message)
        except Exception:  # noqa: BLE001 - what is wrong with one endpoint must not stop the others
            _log.exception("an endpoint cannot be served", webhook=endpoint.webhook_id)
            with contextlib.suppress(Unavailable):
                await self._endpoints.let_go(endpoint, self._clock.now() + _BROKEN_REST)

    async def _send(self, endpoint: Endpoint) -> Round:
        """Send some of what is due, up to the first failure, or until others have waited long enough."""
        came, ends_at = Round(), self._clock.now() + _TURN
        for delivery in await self._deliveries.due(endpoint.webhook_id, self._clock.now(), _BATCH):
            result = await self._attempt(endpoint, delivery, came)
            if result is None:
                break
            came = result
            if came.failed or self._clock.now() >= ends_at:
                break
        return came

    async def _attempt(self, endpoint: Endpoint, delivery: Delivery, came: Round) -> Round | None:
        """Send one delivery; None when it has changed meanwhile: it was removed, replayed, or sent by another."""
        attempt = await self._courier.deliver(endpoint, delivery)
        now = self._clock.now()
        step = after(delivery, attempt, now, self._jitter())
        recorded = await self._deliveries.record(delivery, attempt, step, now)
        self._metrics.attempted(attempt, step)
        _log.info(
            "webhook attempted",
            webhook=endpoint.webhook_id,
            delivery=delivery.id,
            event_name=delivery.event,
            status=attempt.status,
            problem=attempt.error,
            state=step.state if recorded else "changed meanwhile",
            duration_ms=attempt.duration_ms,
        )
        if not recorded:
            return None
        if attempt.succeeded:
            return Round(succeeded_at=now)
        before = 0 if came.succeeded_at is not None else endpoint.failure_count
        rest = rest_after(before + 1)
        return Round(came.succeeded_at, failed=True, gone=attempt.gone, rest=rest)

    async def _finish(self, endpoint: Endpoint, came: Round) -> None:
        active = await self._endpoints.note(endpoint, came)
        if came.failed and not active:
            self._metrics.disabled()
            _log.warning("a webhook is switched off", webhook=endpoint.webhook_id, gone=came.gone)
        busy_until = self._clock.now() + came.rest
        bell: int | None = endpoint.bell
        while bell is not None:
            due_at: datetime | None = await self._deliveries.next_due(endpoint.webhook_id) if active else None
            # Not before now: who had a turn stands behind those who have waited meanwhile.
            next_at = None if due_at is None else max(due_at, self._clock.now())
            if await self._endpoints.release(endpoint, bell, next_at, busy_until):
                return
            bell = await self._endpoints.bell(endpoint)
