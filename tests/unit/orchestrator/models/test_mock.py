"""The mock model does what a prompt says, and always the same."""

from __future__ import annotations

import asyncio
import json

import pytest

from kit.errors import DomainError
from services.orchestrator.models.answer import Answer
from services.orchestrator.models.model import SYSTEM, USER, Call, ChatMessage, Completion, ModelSpec
from services.orchestrator.models.providers import script
from services.orchestrator.models.providers.mock import MockProvider

SPEC = ModelSpec(id="piecework/mock", provider="mock")


async def ask(prompt: str, system: str = "", max_tokens: int = 64, provider: MockProvider | None = None) -> Completion:
    call = Call(SPEC, (ChatMessage(SYSTEM, system), ChatMessage(USER, prompt)), max_tokens)
    answer = Answer(call, None)
    async for piece in (provider or MockProvider()).stream(call):
        answer.add(piece)
    return answer.completion()


async def failure(prompt: str, provider: MockProvider) -> str:
    try:
        await ask(prompt, provider=provider)
    except DomainError as error:
        return f"{error.reason} {error.retry_after_seconds or ''}".strip()
    return ""


async def test_it_answers_always_alike() -> None:
    first, second, other = await ask("Why?"), await ask("Why?"), await ask("How?")
    assert first == second
    assert first.text != other.text
    assert first.text.endswith("to: Why?")
    assert first.tokens_out == len(first.text.split())


async def test_it_makes_the_questions_that_are_asked_for() -> None:
    answer = await ask("Bees and flowers", "Answer with a JSON array of exactly 4 questions.")
    questions = json.loads(answer.text)
    assert len(set(questions)) == 4
    assert all("Bees and flowers" in question for question in questions)


async def test_an_answer_is_never_longer_than_it_may_be() -> None:
    assert (await ask("x [[mock tokens=500]]", max_tokens=10)).tokens_out == 10
    assert (await ask("x [[mock tokens=7]]", max_tokens=10)).tokens_out == 7
    assert (await ask("one two three", max_tokens=3)).text.split() == ["This", "is", "answer"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("fail=auth", "MODEL_AUTH_FAILED"),
        ("fail=refused", "MODEL_REQUEST_REFUSED"),
        ("fail=garbage", "MODEL_ANSWER_INVALID"),
        ("fail=server_error", "MODEL_UNAVAILABLE"),
        ("fail=rate_limited retry_after=7", "MODEL_UNAVAILABLE 7.0"),
        ("fail=unreachable", "MODEL_UNAVAILABLE"),
        ("cut=1", "MODEL_ANSWER_INVALID"),
        ("empty", "MODEL_ANSWER_INVALID"),
        ("endless", "MODEL_ANSWER_INVALID"),
    ],
)
async def test_it_fails_as_told(words: str, reason: str) -> None:
    assert await failure(f"x [[mock {words}]]", MockProvider()) == reason


async def test_it_fails_so_often_and_then_no_more() -> None:
    provider = MockProvider()
    assert [await failure("x [[mock fail=server_error:2]]", provider) for _ in range(4)] == [
        "MODEL_UNAVAILABLE",
        "MODEL_UNAVAILABLE",
        "",
        "",
    ]
    assert await failure("another [[mock fail=server_error:2]]", provider) == "MODEL_UNAVAILABLE"


async def test_it_is_silent_as_told() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ask("x [[mock hang]]")


async def test_garbage_is_text_that_means_nothing() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads((await ask("JSON array of 3 [[mock garbage]]")).text)


def test_directives_are_for_those_they_name() -> None:
    prompt = "Do it [[mock answer=all]] [[mock if=Skeptic answer=no]] [[mock if=Skeptic if=Analyst fail=auth]]"
    assert script.read([prompt]).answer == "all"
    assert script.read(["You are the Skeptic", prompt]) == script.Script(answer="no")
    assert script.read(["Skeptic and Analyst", prompt]).fail == "auth"
    assert script.strip(prompt) == "Do it"


@pytest.mark.parametrize(
    "text", ["[[mock]]", "[[mock delay=x tokens= pace=--1 foo bar=1]]", "[[mocker fail=auth]]", "[[mock"]
)
def test_words_that_mean_nothing_are_passed_over(text: str) -> None:
    assert script.read([text]) == script.Script()


def test_times_are_read() -> None:
    assert script.read(["[[mock delay=0.5 pace=0.1 cut=3 tokens=9]]"]) == script.Script(
        delay=0.5, pace=0.1, cut=3, tokens=9
    )
