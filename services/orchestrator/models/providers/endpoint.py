"""Endpoints that speak the protocol of OpenAI, through its SDK."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, Omit

from services.orchestrator.models.errors import ModelAnswerInvalid, ModelAuthFailed
from services.orchestrator.models.model import Call, ModelSpec, Piece
from services.orchestrator.models.providers.failures import Broken, translate
from services.orchestrator.models.providers.wire import BoundedTransport, WireLimitExceeded, expecting

_CONNECT_SECONDS = 5.0
_CONNECTIONS = httpx2.Limits(max_connections=256, max_keepalive_connections=32, keepalive_expiry=30.0)
_MAX_CLIENTS = 64
# What a client gets that has no key: the SDK wants one.
_NO_KEY = "none"
# The SDK would take these from the environment, for whichever provider.
_HEADERS: dict[str, Any] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
# What the SDK raises in the middle of an answer that is not what it should be.
_NONSENSE = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError, Broken)


class EndpointProvider:
    """Answers the calls of models that have a base URL.

    Args:
        key: returns what is in an environment variable, "" when it is not set. It is asked for each call, so that a
            key can be changed together with the catalogue.
    """

    def __init__(self, key: Callable[[str], str]) -> None:
        self._key = key
        self._http = httpx2.AsyncClient(
            transport=BoundedTransport(httpx2.AsyncHTTPTransport(limits=_CONNECTIONS)), follow_redirects=False
        )
        self._clients: dict[tuple[str, str], AsyncOpenAI] = {}

    def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield an answer as it comes.

        Raises:
            ModelAuthFailed: the key is missing or refused.
            DomainError: see `providers.port`.
        """
        spec = call.spec
        key = self._key(spec.key_variable) if spec.key_variable else _NO_KEY
        if not key:
            raise ModelAuthFailed(spec.id)
        return self.stream_from(call, spec.base_url, key)

    async def stream_from(self, call: Call, base_url: str, key: str) -> AsyncGenerator[Piece, None]:
        """Yield an answer of the endpoint at `base_url`.

        Raises:
            DomainError: see `providers.port`.
        """
        begun = False
        try:
            # No failure is chained: what a provider says may repeat the key.
            with expecting(call.max_tokens):
                stream = await self._client(base_url, key).chat.completions.create(**_arguments(call))
            async with stream:
                ended = False
                async for chunk in stream:
                    piece, finished = _read(chunk)
                    ended = ended or finished
                    begun = begun or bool(piece.text)
                    yield piece
            if not ended:
                raise ModelAnswerInvalid(call.spec.id, "broke off")
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, WireLimitExceeded) as error:
            raise translate(error, call.spec.id, begun=begun) from None
        except _NONSENSE:
            raise ModelAnswerInvalid(call.spec.id, "is not what was agreed on") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _client(self, base_url: str, key: str) -> AsyncOpenAI:
        client = self._clients.get((base_url, key))
        if client is None:
            if len(self._clients) >= _MAX_CLIENTS:
                self._clients.clear()
            client = AsyncOpenAI(
                base_url=base_url, api_key=key, max_retries=0, default_headers=_HEADERS, http_client=self._http
            )
            self._clients[(base_url, key)] = client
        return client


def _arguments(call: Call) -> dict[str, Any]:
    spec = call.spec
    arguments: dict[str, Any] = {
        "model": spec.model or spec.id,
        "messages": [{"role": message.role, "content": message.content} for message in call.messages],
        spec.max_tokens_field: call.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "timeout": _patience(spec),
    }
    if spec.temperature is not None:
        arguments["temperature"] = spec.temperature
    return arguments


def _patience(spec: ModelSpec) -> httpx2.Timeout:
    return httpx2.Timeout(spec.idle_seconds, connect=min(_CONNECT_SECONDS, spec.idle_seconds))


def _read(chunk: Any) -> tuple[Piece, bool]:
    """Return what a part of the stream adds, and whether it says that the answer has ended.

    The SDK does not check what it was sent.
    """
    text, finished = "", False
    for choice in (chunk.choices or ())[:1]:
        content = choice.delta.content if choice.delta is not None else None
        if content is not None and not isinstance(content, str):
            raise Broken
        text, finished = content or "", choice.finish_reason is not None
    usage = chunk.usage
    if usage is None:
        return Piece(text=text), finished
    return Piece(text, _count(usage.prompt_tokens), _count(usage.completion_tokens)), finished


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
