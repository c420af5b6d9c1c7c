"""The one place where an exception of a handler becomes a gRPC status."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog

from kit.errors import DomainError, Unavailable
from kit.interceptors.methods import Behaviour, MethodInterceptor
from kit.status import abort_with, from_rpc_error

_log = structlog.get_logger(__name__)


class ErrorsInterceptor(MethodInterceptor):
    """Domain errors become their status with details; anything else is logged once and becomes INTERNAL."""

    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with its exceptions translated."""

        async def translated(request: Any, context: Any) -> Any:
            try:
                return await behaviour(request, context)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the boundary of the service
                await _end(method, context, error)

        return translated

    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with its exceptions translated."""

        async def translated(request: Any, context: Any) -> Any:
            try:
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        yield response
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the boundary of the service
                await _end(method, context, error)

        return translated


def domain_of(method: str) -> str:
    """Return who speaks in `method`: `piecework.tasks` for `/piecework.tasks.v1.QueueService/CreateTask`."""
    return ".".join(method.lstrip("/").split(".")[:2])


async def _end(method: str, context: Any, error: BaseException) -> NoReturn:
    if isinstance(error, DomainError):
        await abort_with(context, error, domain_of(method))
    if isinstance(error, grpc.aio.AbortError) or (isinstance(error, asyncio.CancelledError) and _was_cancelled()):
        raise error
    if isinstance(error, grpc.aio.AioRpcError):
        peer_error = from_rpc_error(error)
        if isinstance(peer_error, Unavailable):
            await abort_with(context, peer_error, domain_of(method))
    _log.error("rpc_failed", method=method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "Internal error")
    raise AssertionError("abort always raises")


def _was_cancelled() -> bool:
    # A handler can also meet the cancellation of something it waited for; gRPC itself would leave that client hanging.
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
