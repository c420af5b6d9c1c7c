"""A platform whose models are answered by a provider of this machine, which misbehaves as told."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis.asyncio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pymongo import AsyncMongoClient

from kit.clock import ManualClock
from kit.mongo import Document
from kit.settings import Settings
from kit.target import Target
from services.orchestrator.models.model import OPENAI, ModelSpec
from services.orchestrator.models.retries import Retries
from tests.service.orchestrator.models.provider import KEY, Provider
from tests.service.orchestrator.platform import RunsPlatform

MODEL, PAID, IMPATIENT, AWAY = "test/model", "test/paid", "test/impatient", "test/away"
KEY_VARIABLE = "TEST_MODEL_KEY"
# As patient as the real ones in number, but not in time.
_QUICK = Retries(attempts=3, first_seconds=0.01, longest_seconds=0.05)


def spec_of(provider: Provider, model_id: str = MODEL, **fields: Any) -> ModelSpec:
    """Return a model of the provider: 1 credit for 1,000 tokens in, and 20 for 1,000 out."""
    spec = ModelSpec(
        id=model_id,
        provider=OPENAI,
        base_url=provider.url,
        key_variable=KEY_VARIABLE,
        input_credits_per_1k=Decimal(1),
        output_credits_per_1k=Decimal(20),
    )
    return msgspec.structs.replace(spec, **fields)


def write_catalogue(file: Path, provider: Provider) -> None:
    """Write the models: a good one, one for plans that are paid for, one that must not be silent, one that is away."""
    models = [
        spec_of(provider),
        spec_of(provider, PAID, paid=True),
        spec_of(provider, IMPATIENT, idle_seconds=0.2),
        spec_of(provider, AWAY, base_url="http://127.0.0.1:1/v1"),
    ]
    file.write_text(msgspec.yaml.encode({"models": models}).decode())


class ProvidedPlatform(RunsPlatform):
    """One replica of the services, which asks the provider.

    Args:
        file: the catalogue.

    Attributes:
        spans: what was traced.
    """

    def __init__(
        self,
        mongo: AsyncMongoClient[Document],
        redis_client: redis.asyncio.Redis,
        database_prefix: str,
        clock: ManualClock,
        file: Path,
    ) -> None:
        self._file = file
        self.spans = InMemorySpanExporter()
        super().__init__(mongo, redis_client, database_prefix, clock)

    def settings(self, database_prefix: str) -> Settings:
        return super().settings(database_prefix).replace(models_file=str(self._file))

    def build_targets(self) -> list[Target]:
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self.spans))
        self.resources = dataclasses.replace(self.resources, tracer=traces.get_tracer("tests"))
        targets = super().build_targets()
        self.runs_app.models.service._retries = _QUICK
        return targets


@asynccontextmanager
async def provided(platform: ProvidedPlatform) -> AsyncIterator[ProvidedPlatform]:
    """Run a replica; the key of the provider is in its environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(KEY_VARIABLE, KEY)
        await platform.start()
        yield platform
        await platform.stop()
