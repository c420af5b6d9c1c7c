"""Answers of an endpoint, good ones and all the others."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc

import pytest

from kit.errors import InvalidInput, Unavailable
from tests.conditions import come_true
from tests.service.hosting import refused
from tests.service.orchestrator.models.calls import PROMPT, Calls, NewCalls
from tests.service.orchestrator.models.provider import (
    DONE,
    HELLO,
    Provider,
    cut,
    event,
    flood,
    line,
    silent,
    status,
    stream,
    usage,
)


async def test_an_answer_comes_in_parts_with_its_tokens(calls: Calls, provider: Provider) -> None:
    heard: list[str] = []
    completion = await calls.ask(on_text=heard.append)
    assert heard == ["Hel", "lo"]
    assert (completion.text, completion.tokens_in, completion.tokens_out) == ("Hello", 7, 2)
    assert (completion.model_id, completion.estimated) == ("test/model", False)
    assert calls.service.price("test/model", 7, 2) == 1
    request = provider.requests[0]
    assert request["messages"] == [{"role": "user", "content": PROMPT}]
    assert (request["model"], request["max_tokens"], request["stream"]) == ("test/model", 64, True)
    assert request["stream_options"] == {"include_usage": True}
    assert "openai-organization" not in {name.lower() for name in provider.headers[0]}
    assert calls.outcomes() == {"answered": 1}
    (span,) = calls.spans.get_finished_spans()
    assert span.attributes == {
        "gen_ai.request.model": "test/model",
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2,
    }


@pytest.mark.parametrize("counts", [None, ("seven", {}), (-1, -5), (0, 0), (None, None)])
async def test_tokens_that_nobody_counts_are_estimated(calls: Calls, provider: Provider, counts: object) -> None:
    last = (usage(*counts),) if isinstance(counts, tuple) else ()
    provider.answers = [stream(event("12345678"), event(finish="stop"), *last, DONE)]
    completion = await calls.ask("x" * 40)
    assert completion.estimated
    assert (completion.tokens_in, completion.tokens_out) == (10 + 4 + 3, 2)


async def test_no_call_costs_more_than_its_worst_case(calls: Calls, provider: Provider) -> None:
    provider.answers = [stream(event("Hello"), event(finish="stop"), usage(10**9, 10**9), DONE)]
    completion = await calls.ask(max_tokens=1000)
    assert completion.tokens_out == 1000
    worst = calls.spec.worst_case([], 1000)
    assert calls.service.price("", completion.tokens_in, completion.tokens_out) <= worst + 1


async def test_an_endpoint_is_asked_as_the_catalogue_says(new_calls: NewCalls, provider: Provider) -> None:
    calls = new_calls(model="theirs", max_tokens_field="max_completion_tokens", temperature=0.0)
    await calls.ask()
    request = provider.requests[0]
    assert (request["model"], request["max_completion_tokens"], request["temperature"]) == ("theirs", 64, 0.0)
    assert "max_tokens" not in request


GARBAGE = {
    "no events": stream(b"<html>nothing here</html>"),
    "nothing": stream(),
    "no JSON": stream(line(b"{nonsense"), DONE),
    "another JSON": stream(line([1, 2]), DONE),
    "a number": stream(line(b"17"), DONE),
    "strange choices": stream(line({"choices": 7}), DONE),
    "strange text": stream(
        line({"choices": [{"index": 0, "delta": {"content": {"a": 1}}, "finish_reason": "stop"}]}), DONE
    ),
    "no delta": stream(line({"choices": [{"index": 0}]}), DONE),
    "too deep": stream(line(b"[" * 100_000), DONE),
    "no UTF-8": stream(b"data: \xff\xfe\xfd\n\n", DONE),
    "blank": stream(event(" \n"), event(finish="stop"), DONE),
    "no text": stream(event(finish="content_filter"), DONE),
    "no end": stream(event("Hel")),
    "broken off": cut(event("Hel"), event("lo")),
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_told_as_such(calls: Calls, provider: Provider, kind: str) -> None:
    provider.answers = [GARBAGE[kind]]
    with refused("MODEL_ANSWER_INVALID", Unavailable):
        await calls.ask()
    assert calls.outcomes() == {"MODEL_ANSWER_INVALID": 1}


async def test_halves_of_characters_are_replaced(calls: Calls, provider: Provider) -> None:
    provider.answers = [
        stream(line(rb'{"choices":[{"index":0,"delta":{"content":"a\ud800b"},"finish_reason":"stop"}]}'), DONE)
    ]
    assert (await calls.ask()).text == "a?b"


FLOODS = {
    "text": flood([event("on and on ")]),
    "one line": flood([b"data: " + b"x" * 65_536]),
    "comments": flood([b": keepalive\n\n" * 1000]),
    "empty events": flood([event()]),
    "packed": flood([gzip.compress(event("x" * 1000))], {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_what_does_not_end_is_ended(calls: Calls, provider: Provider, kind: str) -> None:
    provider.answers = [FLOODS[kind]]
    tracemalloc.start()
    try:
        with refused("MODEL_ANSWER_INVALID", Unavailable):
            await calls.ask(seconds=60)
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_a_long_refusal_is_not_read_to_its_end(calls: Calls, provider: Provider) -> None:
    provider.answers = [status(400, body="x" * (3 * 1024 * 1024))]
    with refused("MODEL_ANSWER_INVALID", Unavailable):
        await calls.ask()


async def test_a_provider_that_says_nothing_is_given_up(new_calls: NewCalls, provider: Provider) -> None:
    provider.answers = [silent(provider.released)]
    calls = new_calls(idle_seconds=0.1)
    with refused("MODEL_UNAVAILABLE", Unavailable) as caught:
        await calls.ask()
    assert caught.value.metadata["cause"] == "silent"
    assert len(provider.requests) == 3


async def test_a_provider_that_stops_in_the_middle_is_given_up(new_calls: NewCalls, provider: Provider) -> None:
    provider.answers = [stream(event("Hel"), event("lo"), hold=provider.released)]
    calls = new_calls(idle_seconds=0.1)
    with refused("MODEL_ANSWER_INVALID", Unavailable):
        await calls.ask()


async def test_a_slow_answer_ends_with_its_time(calls: Calls, provider: Provider) -> None:
    provider.answers = [stream(event("Hel"), event("lo"), hold=provider.released)]
    heard: list[str] = []
    with refused("MODEL_TIMED_OUT", Unavailable):
        await calls.ask(seconds=0.3, on_text=heard.append)
    assert heard == ["Hel"]
    await come_true(lambda: not provider.under_way)


async def test_a_call_may_be_cancelled(calls: Calls, provider: Provider) -> None:
    provider.answers = [stream(event("Hel"), event("lo"), hold=provider.released)]
    begun = asyncio.Event()
    asking = asyncio.create_task(calls.ask(on_text=lambda _: begun.set()))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert calls.outcomes() == {"abandoned": 1}
    provider.answers = [stream(*HELLO)]
    assert (await calls.ask()).text == "Hello"


async def test_a_model_that_nobody_knows(calls: Calls) -> None:
    with refused("MODEL_UNKNOWN", InvalidInput) as caught:
        await calls.ask(model_id="no/such")
    assert caught.value.metadata == {"model": "no/such"}
