"""Endpoints, whose SDK takes a second and some memory to load: that is done when the first call needs it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from services.orchestrator.models.model import Call, Piece

if TYPE_CHECKING:
    from services.orchestrator.models.providers.endpoint import EndpointProvider

_MODULE = "services.orchestrator.models.providers.endpoint"


class LateEndpointProvider:
    """Answers calls as `EndpointProvider` does.

    Args:
        key: as there.
    """

    def __init__(self, key: Callable[[str], str]) -> None:
        self._key = key
        self._loading = asyncio.Lock()
        self._loaded: EndpointProvider | None = None

    async def stream(self, call: Call) -> AsyncGenerator[Piece, None]:
        """Yield an answer as it comes.

        Raises:
            DomainError: see `providers.port`.
        """
        endpoint = await self._endpoint()
        async with aclosing(endpoint.stream(call)) as pieces:
            async for piece in pieces:
                yield piece

    async def stream_from(self, call: Call, base_url: str, key: str) -> AsyncGenerator[Piece, None]:
        """Yield an answer of the endpoint at `base_url`.

        Raises:
            DomainError: see `providers.port`.
        """
        endpoint = await self._endpoint()
        async with aclosing(endpoint.stream_from(call, base_url, key)) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Close the connections."""
        if self._loaded is not None:
            await self._loaded.close()

    async def _endpoint(self) -> EndpointProvider:
        async with self._loading:
            if self._loaded is None:
                # In a thread: others go on meanwhile.
                module = await asyncio.to_thread(importlib.import_module, _MODULE)
                self._loaded = module.EndpointProvider(self._key)
            return self._loaded
