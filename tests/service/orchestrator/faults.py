"""A way through which the orchestrator's process may die: between any two of its steps, as often as a seed says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
import grpc.aio

from kit.errors import Unavailable
from services.orchestrator.runs.model import Run, RunEvent
from services.orchestrator.runs.store.runs import RunStore
from tests.service.hosting import LateChannels
from tests.service.tasks.market.faults import Crash, Fault

_FAULTS = tuple(Fault)


class Storm:
    """Decides what breaks; nothing before it begins.

    Attributes:
        blind: how many more times the database cannot be read.
    """

    def __init__(self) -> None:
        self.chance = 0.0
        self.blind = 0
        self.seen: Counter[str] = Counter()

    def begin(self, seed: int, chance: float) -> None:
        """Let things break, so often from 0 to 1."""
        self._dice = random.Random(seed)
        self.chance = chance

    def next(self, what: str) -> Fault | None:
        if not self.chance or self._dice.random() >= self.chance:
            return None
        fault = self._dice.choice(_FAULTS)
        self.seen[f"{what}: {fault.name}"] += 1
        return fault


class StormyChannel:
    """Breaks calls."""

    def __init__(self, channel: grpc.aio.Channel, storm: Storm) -> None:
        self._channel = channel
        self._storm = storm

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Callable[..., Awaitable[Any]]:
        real = self._channel.unary_unary(method, *args, **kwargs)

        async def call(request: Any, **options: Any) -> Any:
            fault = self._storm.next(method.rpartition("/")[2])
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


class StormyChannels(LateChannels):
    """Channels of the orchestrator alone, which may break."""

    def __init__(self, storm: Storm) -> None:
        super().__init__()
        self._storm = storm

    def get(self, name: str) -> grpc.aio.Channel:
        return cast(grpc.aio.Channel, StormyChannel(super().get(name), self._storm))


class StormyStore(RunStore):
    """The real store; a process may die before or after each of its writes."""

    storm: Storm

    async def find(self, run_id: str) -> Run | None:
        if self.storm.blind:
            self.storm.blind -= 1
            raise Unavailable("DATABASE_UNAVAILABLE", "The database does not answer")
        return await super().find(run_id)

    async def transition(self, before: Run, after: Run, event: RunEvent | None) -> Run | None:
        fault = self.storm.next(f"write {event.type if event else 'mark'}")
        if fault is None:
            return await super().transition(before, after, event)
        if fault.arrives:
            await super().transition(before, after, event)
        raise Crash(fault.value)
