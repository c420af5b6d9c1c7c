"""What the tests of this folder run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.orchestrator.features import features
from tests.service.orchestrator.models.calls import Calls, NewCalls
from tests.service.orchestrator.models.provider import Provider

__all__ = ["features"]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider on this machine."""
    started = Provider()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def new_calls(tmp_path: Path, provider: Provider) -> AsyncIterator[NewCalls]:
    """Makes services that ask the provider."""
    made: list[Calls] = []

    def new(redis_client: Any = None, **fields: Any) -> Calls:
        made.append(Calls(tmp_path, provider, redis_client, **fields))
        return made[-1]

    yield new
    for calls in made:
        await calls.endpoint.close()


@pytest.fixture
def calls(new_calls: NewCalls) -> Calls:
    """A service that asks the provider."""
    return new_calls()
