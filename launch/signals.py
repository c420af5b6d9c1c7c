"""SIGTERM and SIGINT as events of the loop."""

from __future__ import annotations

import asyncio
import signal


class StopSignals:
    """Turns SIGTERM and SIGINT into events. Make it inside a running loop; it replaces what Python does on them.

    Attributes:
        asked: set by the first signal: end in good order.
        pressed: set by the second one: end at once.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.pressed = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._receive)

    def release(self) -> None:
        """Let the next Ctrl-C end the process at once, as it does by default; SIGTERM once more changes nothing."""
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    def _receive(self) -> None:
        (self.pressed if self.asked.is_set() else self.asked).set()
