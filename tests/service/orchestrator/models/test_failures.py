"""Refusals of providers: what is tried again, what is not, and that no key is ever told."""

from __future__ import annotations

import asyncio
import logging
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from kit.errors import DomainError, InvalidInput, Unavailable, WrongState
from services.orchestrator.models.retries import Retries
from tests.service.hosting import refused
from tests.service.orchestrator.models.calls import Calls, NewCalls
from tests.service.orchestrator.models.provider import HELLO, KEY, Provider, cut, event, line, status, stream

HELLO_ANSWER = stream(*HELLO)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504, 529])
async def test_what_passes_is_tried_again(calls: Calls, provider: Provider, code: int) -> None:
    provider.answers = [status(code), status(code), HELLO_ANSWER]
    assert (await calls.ask()).text == "Hello"
    assert len(provider.requests) == 3
    assert calls.outcomes() == {"answered": 1}


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (401, "MODEL_AUTH_FAILED", WrongState),
        (402, "MODEL_AUTH_FAILED", WrongState),
        (403, "MODEL_AUTH_FAILED", WrongState),
        (400, "MODEL_REQUEST_REFUSED", InvalidInput),
        (404, "MODEL_REQUEST_REFUSED", InvalidInput),
        (413, "MODEL_REQUEST_REFUSED", InvalidInput),
        (422, "MODEL_REQUEST_REFUSED", InvalidInput),
        (302, "MODEL_REQUEST_REFUSED", InvalidInput),
    ],
)
async def test_what_stays_is_not(
    calls: Calls, provider: Provider, code: int, reason: str, kind: type[DomainError]
) -> None:
    provider.answers = [status(code, {"location": "http://127.0.0.1:1/"} if code == 302 else None)]
    with refused(reason, kind):
        await calls.ask()
    assert len(provider.requests) == 1


@pytest.mark.parametrize(("code", "cause"), [(429, "rate_limited"), (503, "server_error")])
async def test_what_does_not_pass_is_given_up(calls: Calls, provider: Provider, code: int, cause: str) -> None:
    provider.answers = [status(code)]
    with refused("MODEL_UNAVAILABLE", Unavailable) as caught:
        await calls.ask()
    assert caught.value.metadata == {"model": "test/model", "cause": cause}
    assert len(provider.requests) == 3


async def test_a_provider_may_say_when_to_come_back(new_calls: NewCalls, provider: Provider) -> None:
    calls = new_calls(retries=Retries(attempts=3, first_seconds=9, longest_seconds=9))
    provider.answers = [status(429, {"retry-after": "0"}), status(503, {"retry-after-ms": "50"}), HELLO_ANSWER]
    async with asyncio.timeout(5):
        assert (await calls.ask()).text == "Hello"


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("30", 30, 30),
        ("1.5e2", 150, 150),
        (format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True), 6000, 7200),
        ("1e12", 86_400, 86_400),
    ],
    ids=["seconds", "a float", "a date", "too long"],
)
async def test_who_must_wait_long_is_told_so(
    calls: Calls, provider: Provider, header: str, low: float, high: float
) -> None:
    provider.answers = [status(429, {"retry-after": header})]
    with refused("MODEL_UNAVAILABLE", Unavailable) as caught:
        await calls.ask()
    assert caught.value.retry_after_seconds is not None
    assert low <= caught.value.retry_after_seconds <= high
    assert len(provider.requests) == 1


@pytest.mark.parametrize("header", ["soon", "nan", "-5", "Mon, 99 Foo 2026", ""])
async def test_nonsense_about_time_means_nothing(calls: Calls, provider: Provider, header: str) -> None:
    provider.answers = [status(429, {"retry-after": header}), HELLO_ANSWER]
    assert (await calls.ask()).text == "Hello"


async def test_a_connection_that_breaks_before_the_answer_is_tried_again(calls: Calls, provider: Provider) -> None:
    provider.answers = [cut(), HELLO_ANSWER]
    assert (await calls.ask()).text == "Hello"


async def test_an_error_within_the_answer_is_tried_again_when_nobody_heard_any(
    calls: Calls, provider: Provider
) -> None:
    broken = line({"error": {"message": f"overloaded, {KEY}", "type": "server_error"}})
    provider.answers = [stream(broken), HELLO_ANSWER]
    assert (await calls.ask()).text == "Hello"
    provider.answers = [stream(event("Hel"), broken)]
    with refused("MODEL_ANSWER_INVALID", Unavailable):
        await calls.ask()
    assert len(provider.requests) == 3


async def test_nobody_at_the_address(new_calls: NewCalls) -> None:
    calls = new_calls(base_url="http://127.0.0.1:1/v1")
    with refused("MODEL_UNAVAILABLE", Unavailable) as caught:
        await calls.ask()
    assert caught.value.metadata["cause"] == "unreachable"


async def test_no_time_is_left_to_try_again(new_calls: NewCalls, provider: Provider) -> None:
    calls = new_calls(retries=Retries(attempts=3, first_seconds=5, longest_seconds=9))
    provider.answers = [status(500)]
    async with asyncio.timeout(2):
        with refused("MODEL_UNAVAILABLE", Unavailable):
            await calls.ask(seconds=1)
    assert len(provider.requests) == 1


async def test_a_key_that_is_not_set_and_one_that_is_set_later(calls: Calls, provider: Provider) -> None:
    calls.environment.clear()
    with refused("MODEL_AUTH_FAILED", WrongState):
        await calls.ask()
    assert provider.requests == []
    calls.environment["TEST_MODEL_KEY"] = "another"
    await calls.ask()
    assert provider.headers[0]["Authorization"] == "Bearer another"


async def test_keys_are_in_no_error_log_or_trace(
    calls: Calls,
    provider: Provider,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    for answer in (status(401), status(400), status(429), status(500), cut(event("x")), stream(line(KEY.encode()))):
        provider.answers = [answer]
        with pytest.raises(DomainError) as caught:
            await calls.ask()
        told += "".join(traceback.format_exception(caught.value)) + str(vars(caught.value))
    assert provider.headers[0]["Authorization"] == f"Bearer {KEY}"
    spans = [span.to_json() for span in calls.spans.get_finished_spans()]
    assert len(spans) == 6
    output = capsys.readouterr()
    assert "a call of a model failed" in output.out + output.err + caplog.text
    for text in (told, caplog.text, output.out, output.err, *spans):
        assert KEY not in text
        assert KEY[8:20] not in text
