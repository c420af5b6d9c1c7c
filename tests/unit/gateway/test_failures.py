"""What a service's refusal means over HTTP."""

from __future__ import annotations

import pytest

from gateway.errors import from_domain
from kit.errors import Conflict, DomainError, Unavailable


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (Conflict("IDEMPOTENCY_IN_PROGRESS", "Still running", retry_after_seconds=1.0), 409, {"Retry-After": "1"}),
        (Conflict("STALE_TOKEN", "Stale"), 409, {}),
        (Unavailable("DATABASE_UNAVAILABLE", "Away", retry_after_seconds=0.2), 503, {"Retry-After": "1"}),
        (Unavailable("PEER", "Away"), 503, {"Retry-After": "1"}),
    ],
)
def test_a_client_is_told_when_to_come_again_exactly_when_it_makes_sense(
    error: DomainError, status: int, headers: dict[str, str]
) -> None:
    failure = from_domain(error)
    assert failure.status == status
    assert failure.headers == headers
