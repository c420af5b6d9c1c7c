"""One interceptor for the idempotency of all targets of a process, each with the records of its own database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc.aio

from kit.idempotency import IdempotencyStore
from kit.interceptors.idempotency import IdempotencyInterceptor
from kit.target import Resources, Target


class TargetIdempotency(grpc.aio.ServerInterceptor):
    """Leads each method to the records of the service that it belongs to.

    The server must know its interceptors before the targets can be built, because they are given channels to it. So
    this one is made empty, and learns about the targets before the first call.
    """

    by_method = True

    def __init__(self) -> None:
        self._by_method: dict[str, IdempotencyInterceptor] = {}
        self._stores: list[IdempotencyStore] = []

    def add(self, targets: Sequence[Target], resources: Resources) -> None:
        """Learn about the methods of `targets`."""
        for target in targets:
            if target.idempotent_methods:
                store = IdempotencyStore(resources.database(target.name), resources.clock)
                interceptor = IdempotencyInterceptor(store, target.idempotent_methods)
                self._stores.append(store)
                self._by_method.update(dict.fromkeys(target.idempotent_methods, interceptor))

    async def prepare(self) -> None:
        """Create the indexes of the records."""
        for store in self._stores:
            await store.prepare()

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """Return the handler of a method, behind the records of its service if it takes a key."""
        interceptor = self._by_method.get(handler_call_details.method)
        if interceptor is None:
            return await continuation(handler_call_details)
        return await interceptor.intercept_service(continuation, handler_call_details)
