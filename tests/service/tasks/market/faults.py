"""A way to billing that breaks when a test wants it to."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
import grpc.aio

from tests.service.hosting import LateChannels


class Fault(enum.Enum):
    """What happens to one call."""

    LOST_REQUEST = "the request never arrives"
    LOST_ANSWER = "the answer never arrives"
    CRASH_BEFORE = "the caller dies before it calls"
    CRASH_AFTER = "the caller dies before it hears the answer"

    @property
    def crashes(self) -> bool:
        return self in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)

    @property
    def arrives(self) -> bool:
        return self in (Fault.LOST_ANSWER, Fault.CRASH_AFTER)


class Crash(Exception):
    """Stands for the end of the process at this place: nothing after it happens."""


class FaultyChannel:
    """Breaks calls, each as told, and lets all others through; none while it is not `open`.

    Args:
        channel: the real one.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self.faults: dict[str, list[Fault]] = {}
        self.calls: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Callable[..., Awaitable[Any]]:
        real = self._channel.unary_unary(method, *args, **kwargs)
        name = method.rpartition("/")[2]

        async def call(request: Any, **options: Any) -> Any:
            self.calls.append(name)
            await self.open.wait()
            waiting = self.faults.get(name)
            fault = waiting.pop(0) if waiting else None
            if fault is None:
                return await real(request, **options)
            if fault.arrives:
                await real(request, **options)
            if fault.crashes:
                raise Crash(fault.value)
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, fault.value)

        return call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


class FaultyChannels(LateChannels):
    """Channels whose way to billing can break."""

    def get(self, name: str) -> grpc.aio.Channel:
        if name != "billing":
            return super().get(name)
        return cast(grpc.aio.Channel, self.billing)

    @property
    def billing(self) -> FaultyChannel:
        known = self.__dict__.get("_billing")
        if known is None:
            known = self.__dict__["_billing"] = FaultyChannel(super().get("billing"))
        return cast(FaultyChannel, known)
