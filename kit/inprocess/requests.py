"""The stream of requests as a handler iterates over it."""

from __future__ import annotations

from typing import Any

from grpc._cython import cygrpc

from kit.inprocess.context import HandlerContext


class RequestIterator:
    """Reads the requests of one call.

    Args:
        context: the context of the call.
    """

    __slots__ = ("_context",)

    def __init__(self, context: HandlerContext) -> None:
        self._context = context

    def __aiter__(self) -> RequestIterator:
        return self

    async def __anext__(self) -> Any:
        message = await self._context.read()
        if message is cygrpc.EOF:
            raise StopAsyncIteration
        return message
