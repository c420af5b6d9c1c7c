"""Which models there are, what they cost, and calls of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Protocol

from services.orchestrator.models.answer import Answer
from services.orchestrator.models.errors import ModelTimedOut, ModelUnavailable, ServicesOnly
from services.orchestrator.models.model import (
    DEFAULT_MAX_TOKENS,
    SYSTEM,
    USER,
    Call,
    ChatMessage,
    Completion,
    ModelSpec,
)
from services.orchestrator.models.retries import Retries

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.orchestrator.models.catalogue import Catalogue, Listing
    from services.orchestrator.models.providers.port import Provider

_GENERATE_SECONDS = 120.0
OnText = Callable[[str], None]


class Gate(Protocol):
    """Lets calls through as the limits of their model allow."""

    def slot(self, spec: ModelSpec) -> AbstractAsyncContextManager[None]:
        """Wait for a place and keep it."""
        ...


class Watch(Protocol):
    """Is told of every call."""

    def call(self, spec: ModelSpec) -> AbstractAsyncContextManager[Callable[[Completion], None]]:
        """Follow a call: what it gives is called with the answer, and errors pass through it."""
        ...


class ModelService:
    """The use cases of models.

    Args:
        catalogue: the models there are.
        providers: who answers, by the name in the catalogue.
        gate: the limits.
        watch: counts calls and traces them.
        retries: when a call that failed is made again.
    """

    def __init__(
        self, catalogue: Catalogue, providers: Mapping[str, Provider], gate: Gate, watch: Watch, retries: Retries
    ) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._gate = gate
        self._watch = watch
        self._retries = retries

    def listing(self) -> Listing:
        """Return the models there are, for anybody."""
        return self._catalogue.listing()

    def resolve(self, model_id: str) -> ModelSpec:
        """Return a model; the default when the id is empty.

        Raises:
            ModelUnknown: there is none of that id.
        """
        return self._catalogue.find(model_id)

    def price(self, model_id: str, tokens_in: int, tokens_out: int) -> int:
        """Return the price of a call in credits, rounded up.

        Raises:
            ModelUnknown: there is no such model.
        """
        return self.resolve(model_id).price(tokens_in, tokens_out)

    def worst_case(self, model_id: str, messages: Sequence[ChatMessage], max_tokens: int) -> int:
        """Return the most credits that a call can cost: the price of its completion is never more.

        Raises:
            ModelUnknown: there is no such model.
        """
        return self.resolve(model_id).worst_case(messages, max_tokens)

    async def complete(
        self,
        model_id: str,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        on_text: OnText | None = None,
        timeout_seconds: float,
    ) -> Completion:
        """Ask a model.

        A call that fails before a part of its answer was given to `on_text` is made again a few times. When this
        raises, what `on_text` got is void.

        Args:
            model_id: the model; the default when empty.
            messages: what is said to it.
            max_tokens: the most tokens of the answer.
            on_text: is given what is added to the answer; it must be quick.
            timeout_seconds: how long all of it may take, waiting for a place and calling again included.

        Raises:
            ModelUnknown: there is no such model.
            ModelUnavailable: it cannot be used now.
            ModelTimedOut: the time is over.
            ModelAuthFailed: its provider does not accept this installation.
            ModelRequestRefused: its provider does not take this request.
            ModelAnswerInvalid: its answer is empty, broken, or does not end.
        """
        call = Call(self.resolve(model_id), tuple(messages), max_tokens)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        async with self._watch.call(call.spec) as finish:
            try:
                async with asyncio.timeout_at(deadline):
                    completion = await self._attempts(call, on_text, deadline)
            except TimeoutError:
                raise ModelTimedOut(call.spec.id, timeout_seconds) from None
            finish(completion)
            return completion

    async def generate(self, caller: Caller, model_id: str, system: str, prompt: str, max_tokens: int) -> Completion:
        """Answer one prompt, for one of our own processes.

        Raises:
            PermissionDenied: somebody else is calling.
            DomainError: as `complete`.
        """
        if not caller.is_service:
            raise ServicesOnly
        messages = [ChatMessage(SYSTEM, system)] if system else []
        messages.append(ChatMessage(USER, prompt))
        return await self.complete(
            model_id, messages, max_tokens=max_tokens or DEFAULT_MAX_TOKENS, timeout_seconds=_GENERATE_SECONDS
        )

    async def _attempts(self, call: Call, on_text: OnText | None, deadline: float) -> Completion:
        failures = 0
        while True:
            answer = Answer(call, on_text)
            try:
                async with self._gate.slot(call.spec):
                    return await self._attempt(call, answer)
            except ModelUnavailable as error:
                failures += 1
                pause = None if answer.begun else self._retries.pause(failures, error.retry_after_seconds)
                if pause is None or asyncio.get_running_loop().time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)

    async def _attempt(self, call: Call, answer: Answer) -> Completion:
        async with aclosing(self._providers[call.spec.provider].stream(call)) as pieces:
            async for piece in pieces:
                answer.add(piece)
        return answer.completion()
