"""Models, what is said to them, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal

import msgspec

from services.orchestrator.models.tokens import most_tokens

OPENAI: Final = "openai"
MOCK: Final = "mock"
LOCAL: Final = "local-llm"
SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
DEFAULT_MAX_TOKENS = 1024


class ChatMessage(msgspec.Struct, frozen=True):
    """Something that is said to a model.

    Attributes:
        role: `system`, `user` or `assistant`.
        content: what is said.
    """

    role: str
    content: str


class Completion(msgspec.Struct, frozen=True):
    """What a model answered.

    Attributes:
        text: the answer, never blank.
        tokens_in: tokens that went in.
        tokens_out: tokens that came out.
        model_id: the model.
        estimated: whether the provider did not count the tokens, so that they are an estimate from the text.
    """

    text: str
    tokens_in: int
    tokens_out: int
    model_id: str
    estimated: bool = False


class Piece(msgspec.Struct, frozen=True):
    """A part of an answer that arrives.

    Attributes:
        text: what was added; may be empty.
        tokens_in: tokens that went in, when the provider says so; likewise `tokens_out`.
    """

    text: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the catalogue.

    Attributes:
        id: what clients call it, for example `piecework/mock`.
        provider: who answers: `openai` (any endpoint that speaks that protocol), `mock` or `local-llm`.
        label: its name for people; the id when empty.
        badge: a word that sets it apart.
        description: more about it.
        model: what the provider calls it; the id when empty.
        base_url: the endpoint, up to and without `/chat/completions`.
        key_variable: the environment variable with the key of the endpoint; empty for an endpoint without keys.
        context_length: tokens that it can read at once.
        input_credits_per_1k: the price of 1,000 tokens in; likewise `output_credits_per_1k`.
        capabilities: what it can do, for example `chat`.
        paid: whether it needs a plan that is paid for.
        concurrency: the most calls at the same time, of all replicas together; 0: any number.
        requests_per_minute: the most calls in a minute, of all replicas together; 0: any number.
        idle_seconds: how long it may be silent before the call is given up.
        max_tokens_field: how the endpoint calls the limit of an answer.
        temperature: how freely it answers; None leaves that to the endpoint.
        usage_multiple: what it costs beside the default, for people; 0: not said.
        reasoning_effort_levels: the levels of effort that it knows.
        default_reasoning_effort: the level that it uses by itself.
    """

    id: str
    provider: Literal["openai", "mock", "local-llm"]
    label: str = ""
    badge: str = ""
    description: str = ""
    model: str = ""
    base_url: str = ""
    key_variable: str = ""
    context_length: int = 8192
    input_credits_per_1k: Decimal = Decimal(0)
    output_credits_per_1k: Decimal = Decimal(0)
    capabilities: tuple[str, ...] = ("chat",)
    paid: bool = False
    concurrency: int = 0
    requests_per_minute: int = 0
    idle_seconds: float = 60.0
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: float | None = None
    usage_multiple: float = 0.0
    reasoning_effort_levels: tuple[str, ...] = ()
    default_reasoning_effort: str = ""

    def price(self, tokens_in: int, tokens_out: int) -> int:
        """Return the price of a call in whole credits, rounded up."""
        thousandths = self.input_credits_per_1k * tokens_in + self.output_credits_per_1k * tokens_out
        return int((thousandths / 1000).to_integral_value(rounding=ROUND_CEILING))

    def worst_case(self, messages: Sequence[ChatMessage], max_tokens: int) -> int:
        """Return the most that a call can cost."""
        return self.price(self.most_tokens_in(messages), max_tokens)

    def most_tokens_in(self, messages: Sequence[ChatMessage]) -> int:
        """Return the most tokens that are charged for what is said to the model."""
        return most_tokens([message.content for message in messages])


class Call(msgspec.Struct, frozen=True):
    """One call of a model."""

    spec: ModelSpec
    messages: tuple[ChatMessage, ...]
    max_tokens: int
