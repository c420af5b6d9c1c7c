"""What becomes of a delivery, and how it is signed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook as StandardWebhook

from services.agents.webhooks.model import (
    DEAD,
    DELIVERED,
    PENDING,
    RETRIES,
    Attempt,
    Delivery,
    after,
    delivery_id,
    new_secret,
    rest_after,
    unknown,
)
from services.agents.webhooks.service import Created
from services.agents.webhooks.signing import signed_headers

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def delivery(tries: int = 0) -> Delivery:
    return Delivery("whd_1", 1, "claim.accepted", PENDING, tries, (), NOW, NOW, "{}")


def attempt(status: int) -> Attempt:
    return Attempt(NOW, status, "", 1)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_what_arrived(status: int) -> None:
    assert after(delivery(3), attempt(status), NOW, 1.0).state == DELIVERED


@pytest.mark.parametrize("status", [0, 101, 199, 300, 301, 307, 400, 401, 404, 429, 500, 503])
def test_what_did_not(status: int) -> None:
    step = after(delivery(), attempt(status), NOW, 1.0)
    assert (step.state, step.tries, step.next_attempt_at) == (PENDING, 1, NOW + timedelta(seconds=5))


def test_every_pause_and_the_end() -> None:
    for tries, pause in enumerate(RETRIES):
        step = after(delivery(tries), attempt(500), NOW, 1.1)
        assert (step.state, step.tries, step.next_attempt_at) == (PENDING, tries + 1, NOW + pause * 1.1)
    assert after(delivery(len(RETRIES)), attempt(500), NOW, 1.0).state == DEAD
    assert [pause.total_seconds() for pause in RETRIES] == [5, 300, 1800, 7200, 18_000, 36_000]


def test_410_is_the_end_at_once() -> None:
    step = after(delivery(), attempt(410), NOW, 1.0)
    assert (step.state, step.next_attempt_at) == (DEAD, None)


def test_an_endpoint_rests_longer_and_longer() -> None:
    rests = [rest_after(failures).total_seconds() for failures in range(10)]
    assert rests == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_delivery_has_one_id() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    first = delivery_id("market:5:2", at, "claim.accepted", 1)
    assert first == delivery_id("market:5:2", at, "claim.accepted", 1)
    others = {
        delivery_id("market:5:3", at, "claim.accepted", 1),
        delivery_id("market:5:2", at + timedelta(milliseconds=1), "claim.accepted", 1),
        delivery_id("market:5:2", at, "claim.rejected", 1),
        delivery_id("market:5:2", at, "claim.accepted", 2),
    }
    assert len({first, *others}) == 5
    assert "." not in first


def test_a_secret_is_what_standard_webhooks_wants() -> None:
    secret = new_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 36
    assert new_secret() != secret
    assert secret not in repr(Created(None, secret))  # type: ignore[arg-type]


def test_headers_that_the_library_accepts() -> None:
    secrets, body, at = [new_secret(), new_secret()], '{"event":"é"}'.encode(), datetime.now(UTC)
    headers = signed_headers(delivery_id="whd_1", event="claim.accepted", body=body, secrets=secrets, at=at)
    for secret in secrets:
        assert StandardWebhook(secret).verify(body, headers) == {"event": "é"}


def test_unknown_events() -> None:
    assert unknown(["claim.accepted", "x", "y", "x"]) == ["x", "y"]
