"""The parts of models and how they hang together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kit.settings import secret_variable
from services.orchestrator.models.catalogue import Catalogue
from services.orchestrator.models.gate import ModelGate
from services.orchestrator.models.model import LOCAL, MOCK, OPENAI, ModelSpec
from services.orchestrator.models.providers.late import LateEndpointProvider
from services.orchestrator.models.providers.local import LocalProvider, is_installed
from services.orchestrator.models.providers.mock import MockProvider
from services.orchestrator.models.providers.port import Provider
from services.orchestrator.models.retries import Retries
from services.orchestrator.models.service import ModelService
from services.orchestrator.models.watch import ModelWatch

if TYPE_CHECKING:
    from kit.target import Resources


class ModelParts:
    """Builds the models.

    Args:
        resources: what the process shares.
        retries: when a call that failed is made again.
    """

    def __init__(self, resources: Resources, retries: Retries | None = None) -> None:
        file = resources.settings.models_file
        self.catalogue = Catalogue(Path(file) if file else None, _usable)
        self.endpoint = LateEndpointProvider(secret_variable)
        self._providers: dict[str, Provider] = {
            OPENAI: self.endpoint,
            MOCK: MockProvider(),
            LOCAL: LocalProvider(self.endpoint),
        }
        self.gate = ModelGate(resources.redis)
        self.watch = ModelWatch(resources.registry, resources.tracer)
        self.service = ModelService(self.catalogue, self._providers, self.gate, self.watch, retries or Retries())

    async def prepare(self) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """End what providers keep open."""
        for provider in reversed(self._providers.values()):
            await provider.close()


def _usable(spec: ModelSpec) -> bool:
    return spec.provider != LOCAL or is_installed()
