"""Brings an engine back that died."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from kit.engines.errors import EngineError

_log = structlog.get_logger(__name__)


class Engine(Protocol):
    """A child process that can be started again."""

    name: str

    @property
    def stopping(self) -> bool:
        """Whether its end is wanted."""
        ...

    async def start(self) -> None:
        """Start it on the port it had before."""
        ...

    async def wait_for_exit(self) -> int:
        """Wait until it has ended and return its status."""
        ...

    def describe_end(self) -> str:
        """Say how it ended."""
        ...


class Supervisor:
    """Watches one running engine and starts it again when it dies.

    Args:
        engine: the engine, already started.
        give_up: called once, when the engine died too often or cannot be started any more.
        max_restarts: the most restarts within `window_seconds`.
        window_seconds: the time over which restarts are counted.
        backoff_seconds: the wait before the second restart in a row; it doubles with each further one.
    """

    def __init__(
        self,
        engine: Engine,
        give_up: Callable[[EngineError], None],
        *,
        max_restarts: int = 5,
        window_seconds: float = 60,
        backoff_seconds: float = 0.2,
    ) -> None:
        self._engine = engine
        self._give_up = give_up
        self._max_restarts = max_restarts
        self._window_seconds = window_seconds
        self._backoff_seconds = backoff_seconds
        self._restarts: deque[float] = deque()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch(), name=f"supervisor of {self._engine.name}")

    async def stop(self) -> None:
        """Stop watching; call it before the engine is stopped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _watch(self) -> None:
        while True:
            await self._engine.wait_for_exit()
            if self._engine.stopping:
                return
            problem = self._engine.describe_end()
            _log.warning("engine died", engine=self._engine.name, problem=problem)
            if not await self._restart(problem):
                return

    async def _restart(self, problem: str) -> bool:
        while (delay := self._next_delay()) is not None:
            await asyncio.sleep(delay)
            try:
                await self._engine.start()
            except EngineError as error:
                problem = str(error)
                _log.warning("engine did not come back", engine=self._engine.name, problem=problem)
            else:
                _log.info("engine is back", engine=self._engine.name)
                return True
        self._give_up(EngineError(f"{self._engine.name} cannot be kept running: {problem}"))
        return False

    def _next_delay(self) -> float | None:
        """Return the seconds to wait before the next restart, None when there were too many."""
        now = asyncio.get_running_loop().time()
        while self._restarts and self._restarts[0] < now - self._window_seconds:
            self._restarts.popleft()
        if len(self._restarts) >= self._max_restarts:
            return None
        self._restarts.append(now)
        recent = len(self._restarts) - 1
        return float(self._backoff_seconds * 2 ** (recent - 1)) if recent else 0.0
