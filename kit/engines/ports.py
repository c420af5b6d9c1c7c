"""Free loopback ports for engines."""

from __future__ import annotations

import asyncio
import random
import socket

LOOPBACK = "127.0.0.1"
# Below the ports that the kernel hands to outgoing connections (32768 and up on Linux): a client that tries again and
# again to reach a dead engine could otherwise be given the engine's own port, and keep it from coming back.
_FIRST, _LAST = 20_000, 32_000
_random = random.SystemRandom()


def is_free(port: int) -> bool:
    """Tell whether nothing listens on `port` of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a port of the loopback interface that is free now; another process may still take it."""
    while True:
        port = _random.randint(_FIRST, _LAST)
        if is_free(port):
            return port


async def accepts(port: int) -> bool:
    """Tell whether something on the loopback interface accepts connections on `port`."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
