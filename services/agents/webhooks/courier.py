"""Makes one attempt to deliver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from kit.outbound.errors import OutboundError
from services.agents.webhooks.model import Attempt, Delivery, Endpoint
from services.agents.webhooks.service import owner
from services.agents.webhooks.signing import signed_headers

if TYPE_CHECKING:
    from datetime import datetime

    from kit.clock import Clock
    from kit.keyring import KeyRing
    from kit.outbound.client import OutboundClient

TIMEOUT_SECONDS = 10.0
_MAX_ANSWER_BYTES = 4096


class Courier:
    """Sends a delivery to its endpoint.

    Args:
        client: asks only what may be asked.
        ring: opens the secrets.
        tracer: makes a span of each attempt; the receiver gets its context.
        clock: the time.
        timeout_seconds: how long a receiver may take.
    """

    def __init__(
        self,
        client: OutboundClient,
        ring: KeyRing,
        tracer: Tracer,
        clock: Clock,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._client = client
        self._ring = ring
        self._tracer = tracer
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    async def deliver(self, endpoint: Endpoint, delivery: Delivery) -> Attempt:
        """Send a delivery once and return what happened.

        Raises:
            SecretUnreadable: the secrets of the endpoint cannot be opened.
        """
        at, began = self._clock.now(), time.monotonic()
        body = delivery.body.encode()
        headers = signed_headers(
            delivery_id=delivery.id,
            event=delivery.event,
            body=body,
            secrets=self._secrets(endpoint, at),
            at=at,
        )
        status, error = await self._post(endpoint, delivery, headers, body)
        return Attempt(at, status, error, round((time.monotonic() - began) * 1000))

    def _secrets(self, endpoint: Endpoint, now: datetime) -> list[str]:
        sealed = endpoint.secrets
        found = [self._ring.open(sealed.current, owner(endpoint.webhook_id))]
        if sealed.old and sealed.old_until is not None and now < sealed.old_until:
            found.append(self._ring.open(sealed.old, owner(endpoint.webhook_id)))
        return found

    async def _post(
        self, endpoint: Endpoint, delivery: Delivery, headers: dict[str, str], body: bytes
    ) -> tuple[int, str]:
        attributes = {"http.request.method": "POST", "webhook.event": delivery.event, "webhook.delivery": delivery.id}
        with self._tracer.start_as_current_span(
            f"webhook {delivery.event}", kind=SpanKind.CLIENT, attributes=attributes
        ) as span:
            try:
                answer = await self._client.request(
                    "POST",
                    endpoint.url,
                    headers=headers,
                    body=body,
                    timeout_seconds=self._timeout_seconds,
                    max_body_bytes=_MAX_ANSWER_BYTES,
                )
            except OutboundError as error:
                span.set_status(Status(StatusCode.ERROR, str(error)))
                return 0, str(error)
            span.set_attribute("http.response.status_code", answer.status)
            if 200 <= answer.status < 300:
                return answer.status, ""
            span.set_status(Status(StatusCode.ERROR))
            return answer.status, f"The receiver answered {answer.status}"
