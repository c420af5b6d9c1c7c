"""A model that is none: it answers at once and always alike, and does what its prompt says (see `script`)."""

from __future__ import annotations

import asyncio
import hashlib
import re
import textwrap
from collections import Counter
from collections.abc import AsyncGenerator, Iterator

import msgspec

from kit.errors import DomainError
from services.orchestrator.models.errors import (
    ModelAnswerInvalid,
    ModelAuthFailed,
    ModelRequestRefused,
    ModelUnavailable,
)
from services.orchestrator.models.model import USER, Call, Piece
from services.orchestrator.models.providers import script
from services.orchestrator.models.tokens import estimate_input

_QUESTIONS = re.compile(r"JSON array of (?:exactly )?(\d{1,2})\b", re.IGNORECASE)
_WORDS = ("much", "can", "be", "said", "for", "this", "and", "as", "much", "against", "it", "so", "look", "at", "both")
_NONSENSE = "\ufffd\x07{]\u202e<!--\x00"
_QUOTED_CHARACTERS = 200
_MARKUP = re.compile(r"<[^<>]{0,200}>")
_REMEMBERED = 10_000
# A turn of the loop for others now and then, when there is no pause between words.
_TURN = 64


class MockProvider:
    """Answers the calls of `piecework/mock`."""

    def __init__(self) -> None:
        self._calls: Counter[bytes] = Counter()

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield the answer word by word."""
        plan = script.read([message.content for message in call.messages])
        if plan.delay:
            await asyncio.sleep(plan.delay)
        if plan.flag == "hang":
            await asyncio.Event().wait()
        if plan.fail and self._still_fails(call, plan):
            raise _failure(call, plan)
        said = 0
        for word in _words(call, plan):
            if said == plan.cut:
                raise ModelAnswerInvalid(call.spec.id, "broke off")
            if plan.pace:
                await asyncio.sleep(plan.pace)
            elif said % _TURN == 0:
                await asyncio.sleep(0)
            said += 1
            yield Piece(text=word)
        tokens_in = estimate_input([script.strip(message.content) for message in call.messages])
        yield Piece(tokens_in=tokens_in, tokens_out=said)

    async def close(self) -> None:
        """Nothing is open."""

    def _still_fails(self, call: Call, plan: script.Script) -> bool:
        if plan.times is None:
            return True
        digest = _digest(call)
        if len(self._calls) >= _REMEMBERED:
            self._calls.clear()
        self._calls[digest] += 1
        return self._calls[digest] <= plan.times


def _words(call: Call, plan: script.Script) -> Iterator[str]:
    if plan.flag == "empty":
        return
    if plan.flag == "endless":
        while True:
            yield "on and "
    limit = call.max_tokens if plan.tokens is None else min(plan.tokens, call.max_tokens)
    if plan.tokens is not None and not plan.answer:
        yield from (_WORDS[number % len(_WORDS)] + " " for number in range(limit))
        return
    text = _NONSENSE if plan.flag == "garbage" else plan.answer or _answer(call)
    for number, word in enumerate(re.findall(r"\S+\s*|\s+", text)):
        if number == limit:
            return
        yield word


def _answer(call: Call) -> str:
    """Return questions where a list of them is asked for, else a sentence about what was asked."""
    said = [script.strip(message.content) for message in call.messages]
    asked = next((script.strip(each.content) for each in reversed(call.messages) if each.role == USER), "")
    quoted = textwrap.shorten(_MARKUP.sub(" ", asked), _QUOTED_CHARACTERS, placeholder=" …")
    wanted = _QUESTIONS.search("\n".join(said))
    if wanted:
        questions = [f"Question {number + 1} on this: {quoted}" for number in range(int(wanted[1]))]
        return msgspec.json.encode(questions).decode()
    return f"This is answer {_digest(call).hex()[:8]} of the mock model to: {quoted}"


def _digest(call: Call) -> bytes:
    return hashlib.sha256(msgspec.json.encode(call.messages)).digest()


def _failure(call: Call, plan: script.Script) -> DomainError:
    if plan.fail == "auth":
        return ModelAuthFailed(call.spec.id)
    if plan.fail == "refused":
        return ModelRequestRefused(call.spec.id, 400)
    if plan.fail == "garbage":
        return ModelAnswerInvalid(call.spec.id, "is not what was agreed on")
    cause = plan.fail if plan.fail in ("rate_limited", "unreachable") else "server_error"
    return ModelUnavailable(call.spec.id, cause, plan.retry_after)
