"""Runs whose models are broken in every way that endpoints know: each ends, says why, and costs no more than it may."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import resource
import time
from collections.abc import Callable
from datetime import datetime

import pytest
from aiohttp import web
from google.protobuf import text_format
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.caller import Caller
from tests.conditions import come_true
from tests.service.orchestrator.models.provider import (
    DONE,
    HELLO,
    KEY,
    Answer,
    Provider,
    cut,
    event,
    flood,
    line,
    silent,
    status,
    stream,
)
from tests.service.orchestrator.platform import RunsPlatform
from tests.service.orchestrator.runs.provided import AWAY, IMPATIENT, MODEL, ProvidedPlatform

_BUDGET = 100
_MOST_SECONDS = 40.0
_MOST_BYTES = 128 * 1024 * 1024
_WISH = '{"tool": "webfetch", "arguments": {"url": "http://127.0.0.1:1/"}}'
_PAGE = "<!doctype html><html><body><h1>It works!</h1></body></html>"
_WHOLE = json.dumps({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]})


@pytest.fixture
async def customer(one: ProvidedPlatform) -> Caller:
    return await one.customer()


def page(kind: str, body: str) -> Answer:
    """Return an answer that is no stream."""
    return status(200, {"content-type": kind}, body)


def _as_it_is(answer: Answer) -> Callable[[Provider], Answer]:
    return lambda _: answer


_BROKE, _SILENT, _ENDLESS = "broke off", "its provider says nothing", "does not end"
_NONSENSE, _TROUBLE = "is not what was agreed on", "its provider has a problem"
# What the provider does, what the step says of it, and how often the step is tried.
_MISDEEDS: dict[str, tuple[Callable[[Provider], Answer], str, int]] = {
    "no JSON": (_as_it_is(stream(line(b"{nonsense"), DONE)), _NONSENSE, 2),
    "a page": (_as_it_is(page("text/html", _PAGE)), _BROKE, 2),
    "another content type": (_as_it_is(page("application/json", _WHOLE)), _BROKE, 2),
    "an image": (_as_it_is(page("image/png", "\x89PNG\r\n")), _BROKE, 2),
    "nothing": (_as_it_is(stream()), _BROKE, 2),
    "an empty answer": (_as_it_is(stream(event(finish="stop"), DONE)), "is empty", 2),
    "a cut": (_as_it_is(cut(event("Hel"), event("lo"))), _BROKE, 2),
    "no end": (_as_it_is(stream(event("Hel"), event("lo"))), _BROKE, 2),
    "text for ever": (_as_it_is(flood([event("on and on ")])), _ENDLESS, 2),
    "comments for ever": (_as_it_is(flood([b": keepalive\n\n" * 1000])), _ENDLESS, 2),
    "a line for ever": (_as_it_is(flood([b"data: " + b"x" * 65_536])), _ENDLESS, 2),
    "401": (_as_it_is(status(401)), "does not accept this installation", 1),
    "402": (_as_it_is(status(402)), "does not accept this installation", 1),
    "400": (_as_it_is(status(400)), "refused the request with status 400", 1),
    "302": (_as_it_is(status(302, {"location": "http://127.0.0.1:1/"})), "refused the request with status 302", 1),
    "429": (_as_it_is(status(429)), "its provider gets too many requests", 5),
    "500": (_as_it_is(status(500)), _TROUBLE, 5),
    "an error within": (_as_it_is(stream(line({"error": {"message": KEY, "type": "server_error"}}))), _TROUBLE, 5),
    "a cut before the first word": (_as_it_is(cut()), "its provider cannot be reached", 5),
    "a wish for tools again and again": (
        _as_it_is(stream(event(_WISH), event(finish="stop"), DONE)),
        "asked for tools again after 5 of them",
        1,
    ),
}


@pytest.mark.parametrize("misdeed", _MISDEEDS)
async def test_misdeed_of_a_provider_is_told_and_over_soon(
    one: ProvidedPlatform,
    customer: Caller,
    provider: Provider,
    misdeed: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, logger="pymongo")
    answer, why, attempts = _MISDEEDS[misdeed]
    provider.answers = [answer(provider)]

    run = await _suffered(one, customer)

    (step,) = run.steps
    assert why in step.error
    assert step.attempts == attempts
    assert provider.headers[0]["Authorization"] == f"Bearer {KEY}"
    output = capsys.readouterr()
    logged = output.out + output.err + caplog.text
    assert "a call of a model failed" in logged or not misdeed.isdecimal()
    await _check_no_key(one, run, logged)
    await come_true(lambda: _is_left(provider))


@pytest.mark.parametrize(
    ("model_id", "whole", "why", "attempts"),
    [
        (IMPATIENT, False, _SILENT, 5),
        (IMPATIENT, True, _BROKE, 2),
        (AWAY, False, "its provider cannot be reached", 5),
    ],
    ids=["silent", "silent in the middle", "away"],
)
async def test_provider_that_says_nothing_is_not_waited_for(
    one: ProvidedPlatform, customer: Caller, provider: Provider, model_id: str, whole: bool, why: str, attempts: int
) -> None:
    held = stream(event("Hel"), event("lo"), hold=provider.released) if whole else silent(provider.released)
    provider.answers = [held]

    run = await _suffered(one, customer, model_id)

    assert why in run.steps[0].error
    assert run.steps[0].attempts == attempts
    await come_true(lambda: _is_left(provider))


@pytest.fixture
def hasty(replicas: list[ProvidedPlatform]) -> object:
    """Steps have a second instead of five minutes."""
    talks = [replica.runs_app.runs.talks for replica in replicas]
    before = talks[0].step_seconds
    for each in talks:
        each.step_seconds = 1.0
    yield
    for each in talks:
        each.step_seconds = before


@pytest.mark.usefixtures("hasty")
async def test_answer_that_trickles_is_ended_with_the_time_of_the_step(
    one: ProvidedPlatform, customer: Caller, provider: Provider
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(event("x "))
            await asyncio.sleep(0.02)

    provider.answers = [trickle]
    began = time.monotonic()

    run = await _suffered(one, customer)

    assert time.monotonic() - began < 15
    assert "timed out" in run.steps[0].error
    assert run.steps[0].attempts == 1
    assert 0 < run.steps[0].cost_credits <= _BUDGET
    await come_true(lambda: _is_left(provider))


async def test_provider_is_not_asked_again_before_it_wants_to_be(
    one: ProvidedPlatform, customer: Caller, provider: Provider
) -> None:
    asked: list[datetime] = []
    refusal, hello = status(429, {"retry-after": "40"}), stream(*HELLO)

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(one.clock.now())
        return await (refusal if len(asked) < 3 else hello)(request)

    provider.answers = [answer]
    run = await one.start_run(customer, quick=True, model_id=MODEL, budget_credits=_BUDGET)

    ended = await one.patiently(customer, run.id)

    assert (ended.status, ended.result) == (pb.RUN_STATUS_COMPLETED, "Hello")
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(asked)]
    assert len(gaps) == 2
    assert min(gaps) >= 40


async def test_provider_that_asks_for_more_time_than_there_is_ends_the_run_at_once(
    one: ProvidedPlatform, customer: Caller, provider: Provider
) -> None:
    provider.answers = [status(429, {"retry-after": "86400"})]

    run = await one.run(customer, quick=True, model_id=MODEL, budget_credits=_BUDGET)

    assert run.status == pb.RUN_STATUS_FAILED
    assert "too many requests" in run.steps[0].error
    assert len(provider.requests) == 1


async def test_team_of_broken_models_fails_with_every_reason(
    one: ProvidedPlatform, customer: Caller, provider: Provider
) -> None:
    provider.answers = [status(401)]

    run = await one.run(customer, agent_count=4, model_id=MODEL, budget_credits=_BUDGET)

    assert (run.status, run.error) == (pb.RUN_STATUS_FAILED, "All agents failed to provide results")
    assert len(provider.requests) == 5
    for name in ("Decompose", "Researcher 1", "Analyst 2", "Skeptic 3", "Pragmatist 4"):
        assert any(each.startswith(f"{name} failed: The provider of the model") for each in run.warnings)


async def test_good_answer_after_tools_is_taken(one: ProvidedPlatform, customer: Caller, provider: Provider) -> None:
    wish = stream(event(_WISH), event(finish="stop"), DONE)
    provider.answers = [*[wish] * 5, stream(*HELLO)]

    run = await one.run(customer, quick=True, model_id=MODEL, budget_credits=_BUDGET)

    assert (run.status, run.result) == (pb.RUN_STATUS_COMPLETED, "Hello")
    assert len(run.steps[0].tool_calls) == 5
    systems = [request["messages"][0]["content"] for request in provider.requests]
    assert ["You can use tools" in text for text in systems] == [True] * 5 + [False]
    assert "Answer now" in systems[-1]


async def _suffered(platform: RunsPlatform, customer: Caller, model_id: str = MODEL) -> pb.Run:
    """Run a prompt on a model that fails: soon, in little memory, with the reason, and with books that are right."""
    began = time.monotonic()
    before = _peak_bytes()
    run = await platform.start_run(customer, quick=True, model_id=model_id, budget_credits=_BUDGET)
    ended = await platform.patiently(customer, run.id)
    assert _peak_bytes() - before < _MOST_BYTES
    assert time.monotonic() - began < _MOST_SECONDS
    assert (ended.status, ended.error) == (pb.RUN_STATUS_FAILED, "All agents failed to provide results")
    assert [f"Researcher 1 failed: {step.error}" for step in ended.steps] == list(ended.warnings)
    stored = await platform.settled(run.id)
    assert stored.spent <= _BUDGET
    assert await platform.balance(customer.operator_id) == (10_000 - stored.spent, 0)
    return ended


async def _check_no_key(platform: ProvidedPlatform, run: pb.Run, logged: str) -> None:
    """Search for the key in all that the run has left behind: answers, documents, events, logs and traces."""
    database = platform.resources.database("orchestrator")
    kept = [str(each) for name in await database.list_collection_names() async for each in database[name].find()]
    spans = [span.to_json() for span in platform.spans.get_finished_spans()]
    assert any(run.id in each for each in kept)
    for text in (text_format.MessageToString(run), logged, *kept, *spans):
        assert KEY not in text
        assert KEY[8:20] not in text


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def _is_left(provider: Provider) -> bool:
    return not provider.under_way
