"""Asks a model on behalf of nobody in particular."""

from __future__ import annotations

import grpc.aio
from piecework.orchestrator.v1 import models_pb2

from gateway.faces.market.errors import failed
from gateway.peers import Peers
from kit.caller import service_caller

_GATEWAY = service_caller("gateway")
_SECONDS = 30.0
_MAX_TOKENS = 1024
_RETRY_AFTER = {"Retry-After": "5"}
# Whatever is the matter with the model, or with the key that we have for it, is no fault of who asks.
_NOT_NOW = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
    }
)


async def ask(peers: Peers, system: str, prompt: str) -> str:
    """Return what the default model answers.

    Raises:
        Failure: 503, it does not answer, or not in time.
    """
    request = models_pb2.GenerateRequest(system=system, prompt=prompt, max_tokens=_MAX_TOKENS)
    try:
        answer = await peers.models.Generate(request, **peers.outgoing(_GATEWAY, timeout=_SECONDS))
    except grpc.aio.AioRpcError as error:
        if error.code() not in _NOT_NOW:
            raise
        message, suggestion = "The model does not answer now", "Try again in a moment"
        raise failed(503, "SERVICE_UNAVAILABLE", message, suggestion, _RETRY_AFTER) from error
    return answer.text
