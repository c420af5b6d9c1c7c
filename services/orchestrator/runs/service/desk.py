"""Which steps of this process are worked on, and which only wait for a model or a tool. No I/O."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


class Desk:
    """Counts the steps that wait for an answer: they take memory and a place at the model, but no processor.

    Attributes:
        away: how many they are.
    """

    def __init__(self) -> None:
        self.away = 0
        self._observers: list[Callable[[], None]] = []

    def on_leave(self, observer: Callable[[], None]) -> None:
        """Call `observer` whenever a step begins to wait; it must be quick and not raise."""
        self._observers.append(observer)

    @contextlib.contextmanager
    def leave(self) -> Iterator[None]:
        """Wait for an answer within this context."""
        self.away += 1
        for observer in self._observers:
            observer()
        try:
            yield
        finally:
            self.away -= 1
