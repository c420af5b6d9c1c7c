"""Handlers of LLM keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.tasks.v1 import market_pb2 as pb

from kit.interceptors.caller import current_caller

if TYPE_CHECKING:
    from services.tasks.market.handlers.context import Context
    from services.tasks.market.service.keys import KeyService


class KeyHandlers:
    """The methods of `MarketService` about LLM keys."""

    _keys: KeyService

    async def SetLlmKey(self, request: pb.SetLlmKeyRequest, context: Context) -> pb.SetLlmKeyResponse:
        """Keep the caller's key."""
        await self._keys.set(current_caller(), request.provider, request.key)
        return pb.SetLlmKeyResponse()

    async def DeleteLlmKey(self, request: pb.DeleteLlmKeyRequest, context: Context) -> pb.DeleteLlmKeyResponse:
        """Forget the caller's key."""
        await self._keys.delete(current_caller())
        return pb.DeleteLlmKeyResponse()
