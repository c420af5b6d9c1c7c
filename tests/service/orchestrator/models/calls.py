"""A service of models that asks the provider of the tests."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import redis.asyncio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kit.metrics import Registry
from services.orchestrator.models.catalogue import Catalogue
from services.orchestrator.models.gate import ModelGate
from services.orchestrator.models.model import MOCK, OPENAI, USER, ChatMessage, Completion, ModelSpec
from services.orchestrator.models.providers.late import LateEndpointProvider
from services.orchestrator.models.providers.mock import MockProvider
from services.orchestrator.models.retries import Retries
from services.orchestrator.models.service import ModelService
from services.orchestrator.models.watch import ModelWatch
from tests.service.orchestrator.models.provider import KEY, Provider

QUICK = Retries(attempts=3, first_seconds=0.01, longest_seconds=0.05)
PROMPT = "Say hello"


class Calls:
    """Asks a model of the tests. Its prices are 1 credit for 1,000 tokens in, and 2 for 1,000 out."""

    def __init__(
        self,
        folder: Path,
        provider: Provider,
        redis_client: redis.asyncio.Redis | None = None,
        *,
        retries: Retries = QUICK,
        patience_seconds: float = 30.0,
        **fields: Any,
    ) -> None:
        self.file = folder / "models.yaml"
        self.provider = provider
        self.spec = ModelSpec(
            id="test/model",
            provider=OPENAI,
            base_url=provider.url,
            key_variable="TEST_MODEL_KEY",
            input_credits_per_1k=Decimal(1),
            output_credits_per_1k=Decimal(2),
        )
        self.spec = msgspec.structs.replace(self.spec, **fields)
        self.file.write_text(msgspec.yaml.encode({"models": [self.spec], "default": "test/model"}).decode())
        self.environment = {"TEST_MODEL_KEY": KEY}
        self.spans = InMemorySpanExporter()
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self.spans))
        self.registry = Registry()
        self.endpoint = LateEndpointProvider(lambda name: self.environment.get(name, ""))
        self.gate = ModelGate(redis_client, patience_seconds)
        self.service = ModelService(
            Catalogue(self.file, lambda spec: spec.provider in (OPENAI, MOCK)),
            {OPENAI: self.endpoint, MOCK: MockProvider()},
            self.gate,
            ModelWatch(self.registry, traces.get_tracer("tests")),
            retries,
        )

    async def ask(
        self,
        prompt: str = PROMPT,
        *,
        max_tokens: int = 64,
        seconds: float = 10.0,
        on_text: Callable[[str], None] | None = None,
        model_id: str = "",
    ) -> Completion:
        return await self.service.complete(
            model_id,
            [ChatMessage(USER, prompt)],
            max_tokens=max_tokens,
            on_text=on_text,
            timeout_seconds=seconds,
        )

    def outcomes(self) -> dict[str, float]:
        """Return how many calls ended how."""
        found = {}
        for metric in self.registry.collect():
            for sample in metric.samples:
                if sample.name == "piecework_model_calls_total":
                    found[sample.labels["outcome"]] = sample.value
        return found


NewCalls = Callable[..., Calls]
